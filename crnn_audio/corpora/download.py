"""A file from a corpus's official home, checked before it is opened; and the regular files of an archive.

What is fetched is pinned: by its digest, or by the commit of a Git repository that its address names. tarfile's filters
are not used: some releases of Python lack them, and in others links lead out of the folder all the same.
"""

import gzip
import hashlib
import http.client
import re
import shutil
import tarfile
import urllib.request
import zlib
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from pathlib import Path, PurePosixPath

from crnn_audio.corpora.home import Progress
from crnn_audio.errors import DataError

BLOCK = 1 << 18
MOST_FILES = 200_000
MOST_BYTES = 1 << 34
"""Of an archive, unpacked; and of a download."""
LARGEST_HEADER = 1 << 22
COMMIT = re.compile(r"/[0-9a-f]{40}[/.]")
RECORD = "SHA256SUMS"
"""What was downloaded without a pin, in a corpus's folder."""
_unverified_accepted = ContextVar("unverified_accepted", default=False)


@contextmanager
def accepting_unverified() -> Iterator[None]:
    """Within this, what has no pin is downloaded all the same; what has one is still compared with it."""
    token = _unverified_accepted.set(True)
    try:
        yield
    finally:
        _unverified_accepted.reset(token)


def fetch(address: str, path: Path, what: str, progress: Progress | None = None, *, digest: str = "") -> None:
    """Downloads one file; `what` is what the progress display calls it.

    Args:
        digest: "sha256:..." or, where a publisher has no other, "md5:..."; may be left out where the address names a
            commit. Without either, a download that is accepted is recorded in SHA256SUMS beside `path`.

    Raises:
        DataError: nothing pins it and that is not accepted, it cannot be reached, is not as pinned, or the connection
            broke off before its end.
    """
    pinned = bool(digest or COMMIT.search(address))
    if not pinned and not _unverified_accepted.get():
        raise DataError(
            f"{address}: no digest of it is known, so that it cannot be checked. It is not downloaded. If you trust "
            f"it, `crnn-audio prepare CORPUS --accept-unverified` does, and records its SHA-256 in {RECORD}."
        )
    name, _, expected = (digest or "sha256:").partition(":")
    hashed, received = hashlib.new(name, usedforsecurity=False), 0
    with path.open("wb") as file:
        for block, total in _blocks(address):
            file.write(block)
            hashed.update(block)
            received += len(block)
            if received > MOST_BYTES:
                raise DataError(f"{address}: more than {MOST_BYTES:,} bytes, which no corpus has. It was stopped.")
            if progress:
                progress(f"downloading {what}", received, total)
    if not pinned:
        with (path.parent / RECORD).open("a", encoding="utf-8") as record:
            record.write(f"{hashed.hexdigest()}  {address}\n")
    if expected:
        verify(address, f"{name}:{hashed.hexdigest()}", digest)


def verify(address: str, found: str, digest: str) -> None:
    """Stops where what was downloaded is not what the corpus had when it was added here.

    Raises:
        DataError: the digests differ.
    """
    if found != digest:
        raise DataError(
            f"{address}: {found}, where the corpus has {digest}: it was damaged on the way, or replaced. It was not "
            "opened. Try again later, or fetch the corpus yourself from where you trust it."
        )


def _blocks(address: str) -> Iterator[tuple[bytes, int]]:
    """The content, with the number of bytes that there are in all, 0 where that is not known."""
    try:
        with urllib.request.urlopen(address, timeout=60) as response:
            if address.startswith("https:") and not response.url.startswith("https:"):
                raise DataError(f"{address}: leads to {response.url}, which is not encrypted. It is not downloaded.")
            total, received = int(response.headers.get("Content-Length") or 0), 0
            while block := response.read(BLOCK):
                received += len(block)
                yield block, total
    except (OSError, http.client.HTTPException, ValueError) as error:
        raise DataError(f"{address} cannot be downloaded ({error}).") from None
    if received < total:
        raise DataError(f"{address}: the download broke off after {received} of {total} bytes.")


def unpack(archive: Path, folder: Path, inner: str) -> None:
    """Copies the regular files below the folder `inner` of a .tar.gz, "." for all, into `folder`; removes the archive.

    Links, devices and what lies elsewhere in it are left out. What stands there already stays, so that several archives
    of one corpus fill one folder.

    Raises:
        DataError: it is damaged, no such archive, holds no folder `inner`, has names that lead out of it, or more
            files or bytes than a corpus has.
    """
    count = 0
    try:
        with gzip.open(archive) as file, tarfile.open(fileobj=_Forward(file), mode="r:") as tar:  # type: ignore[call-overload]
            for number, member in enumerate(tar):
                if number >= MOST_FILES:
                    raise ValueError(f"more than {MOST_FILES} files")
                place = _place(member.name, inner)
                if place is not None and member.isreg():
                    _copy(tar, member, folder / place)
                    count += 1
    except _DAMAGED as error:
        raise DataError(f"{archive.name} is damaged or not the archive it should be ({error}).") from None
    if not count:
        raise DataError(f"{archive.name} holds no folder {inner}/.")
    archive.unlink()


_DAMAGED = (
    tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error,
    ValueError, LookupError, TypeError, OverflowError, RecursionError,  # which tarfile raises of crafted headers
    FileExistsError, NotADirectoryError,  # of a name that is a file and a folder
)  # fmt: skip


def _place(name: str, inner: str) -> PurePosixPath | None:
    """Where a member goes, counted from `inner`; None where it lies elsewhere."""
    path = PurePosixPath(name)
    if path.is_absolute() or ".." in path.parts:
        raise ValueError(f"the name {name!r} leads out of it")
    if inner == ".":
        return path if path.parts else None
    return path.relative_to(inner) if path.parts[:1] == (inner,) and len(path.parts) > 1 else None


def _copy(tar: tarfile.TarFile, member: tarfile.TarInfo, path: Path) -> None:
    if not 0 <= member.size <= MOST_BYTES:
        raise ValueError(f"{member.name!r} is of {member.size} bytes")
    path.parent.mkdir(parents=True, exist_ok=True)
    source = tar.extractfile(member)
    if source is None or path.is_file():
        return
    with source, path.open("xb") as target:
        shutil.copyfileobj(source, target, BLOCK)


class _Forward:
    """An unpacked stream that is read once from start to end, never more of it than a corpus has."""

    def __init__(self, file: gzip.GzipFile) -> None:
        self.file, self.position = file, 0

    def tell(self) -> int:
        return self.position

    def seek(self, position: int) -> None:
        if position < self.position:
            raise ValueError("it leads back to an earlier place")
        while self.position < position and self.read(min(position - self.position, BLOCK)):
            pass

    def read(self, size: int) -> bytes:
        if not 0 <= size <= LARGEST_HEADER:
            raise ValueError(f"a header of {size} bytes")
        content = self.file.read(size)
        self.position += len(content)
        if self.position > MOST_BYTES:
            raise ValueError(f"more than {MOST_BYTES:,} bytes unpacked")
        return content
