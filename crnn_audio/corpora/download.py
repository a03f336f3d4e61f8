"""An archive from a corpus's official home, and what lies in it: whole, or an error that names what failed."""

import gzip
import http.client
import shutil
import tarfile
import urllib.error
import urllib.request
import zlib
from pathlib import Path

from crnn_audio.corpora.home import Progress
from crnn_audio.errors import DataError

BLOCK = 1 << 18


def fetch(address: str, path: Path, what: str, progress: Progress | None = None) -> None:
    """Downloads one file; `what` is what the progress display calls it.

    Raises:
        DataError: it cannot be reached, or the connection broke off before its end.
    """
    try:
        with urllib.request.urlopen(address, timeout=60) as response, path.open("wb") as file:
            total = int(response.headers.get("Content-Length") or 0)
            while block := response.read(BLOCK):
                file.write(block)
                if progress:
                    progress(f"downloading {what}", file.tell(), total)
            received = file.tell()
    except (urllib.error.URLError, http.client.HTTPException, TimeoutError, ConnectionError) as error:
        raise DataError(f"{address} cannot be downloaded ({error}).") from None
    if received < total:
        raise DataError(f"{address}: the download broke off after {received} of {total} bytes.")


def unpack(archive: Path, folder: Path, inner: str) -> None:
    """Unpacks a tar archive into `folder`, without the folder `inner` that all of it lies in, and removes it.

    What stands there already stays, so that several archives of one corpus fill one folder.

    Raises:
        DataError: it is damaged, no tar archive, or holds no folder `inner`.
    """
    try:
        with tarfile.open(archive) as tar:
            tar.extractall(folder, filter="data")
    except (tarfile.TarError, gzip.BadGzipFile, EOFError, zlib.error) as error:
        raise DataError(f"{archive.name} is damaged or not the archive it should be ({error}).") from None
    top = folder / inner
    if not top.is_dir():
        raise DataError(f"{archive.name} holds no folder {inner}/.")
    for entry in top.iterdir():
        if not (folder / entry.name).exists():
            entry.rename(folder / entry.name)
    shutil.rmtree(top)  # with what was there twice, such as a licence in each archive
    archive.unlink()
