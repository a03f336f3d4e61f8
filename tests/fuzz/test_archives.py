"""Archives of corpora, damaged in any way: regular files below their folder, or one message, and nothing elsewhere."""

import gzip
import io
import os
import stat
import tarfile
import time
from pathlib import Path

import pytest

from crnn_audio.corpora import download
from crnn_audio.corpora.home import arriving
from crnn_audio.errors import DataError
from tests.fuzz.mutations import Draw, damaged, draw
from tests.fuzz.test_fuzz import cases

NAMES = ("top/a", "top/b/c", "top/link", "top/link/d", "../out", "/absolute/out", "top", "other/e", "top/" + "n" * 300)
KINDS = (tarfile.REGTYPE, tarfile.REGTYPE, tarfile.DIRTYPE, tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.FIFOTYPE, b"S")
FORMS = (tarfile.PAX_FORMAT, tarfile.GNU_FORMAT)


def made(rng: Draw) -> bytes:
    """An unpacked archive of a few members, of which some are links, and names lead out."""
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=rng.choice(FORMS)) as tar:
        for _ in range(rng.randrange(1, 12)):
            info = tarfile.TarInfo(rng.choice(NAMES))
            info.type, info.linkname = rng.choice(KINDS), rng.choice(("../../mine", "a", ".", "/etc/passwd"))
            content = rng.randbytes(rng.choice((0, 1, 511, 512, 70_000))) if info.isreg() else b""
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return file.getvalue()


def summed(content: bytes) -> bytes:
    """The same with checksums of headers that hold again, so that damage is read and not refused at once."""
    blocks = bytearray(content)
    for at in range(0, len(blocks) - 511, 512):
        if b"ustar" in blocks[at + 257 : at + 265]:
            blocks[at + 148 : at + 156] = b" " * 8
            blocks[at + 148 : at + 156] = b"%06o\0 " % sum(blocks[at : at + 512])
    return bytes(blocks)


@cases("archives", 1)
def test_a_damaged_archive(seed: int, tmp_path: Path) -> None:
    rng = draw("archive", seed)
    content = made(rng)
    if rng.random() < 0.7:
        content = summed(damaged(rng, content))
    packed = gzip.compress(content, 1)
    (tmp_path / "mine").write_text("mine")
    (tmp_path / "x.tar.gz").write_bytes(damaged(rng, packed) if rng.random() < 0.3 else packed)
    began, refused = time.process_time(), ""
    try:
        with arriving(tmp_path / "data" / "x") as partial:
            download.unpack(tmp_path / "x.tar.gz", partial, "top")
    except DataError as error:
        refused = str(error)
    assert "\n" not in refused
    assert [path.name for path in (tmp_path / "data").iterdir()] == ([] if refused else ["x"])
    for folder, folders, names in os.walk(tmp_path / "data"):
        for name in (*folders, *names):
            mode = Path(folder, name).lstat().st_mode
            assert stat.S_ISREG(mode) or stat.S_ISDIR(mode)
    assert time.process_time() - began < 5
    assert (tmp_path / "mine").read_text() == "mine"
    assert {path.name for path in tmp_path.iterdir()} <= {"mine", "x.tar.gz", "data"}


def test_the_damage_leaves_some_archives_readable(tmp_path: Path) -> None:
    for seed in range(40):
        path = tmp_path / f"{seed}.tar.gz"
        path.write_bytes(gzip.compress(made(draw("archive", seed)), 1))
        try:
            download.unpack(path, tmp_path, "top")
        except DataError:
            continue
        return
    pytest.fail("all are refused")
