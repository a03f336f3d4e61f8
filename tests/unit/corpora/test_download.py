"""What is fetched is what was pinned, and an archive brings regular files into its folder and nothing else."""

import gzip
import hashlib
import http.server
import io
import os
import stat
import tarfile
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from crnn_audio.corpora import CORPORA, alice, an4, download, mini_librispeech, piano_rolls, speech_commands
from crnn_audio.corpora.home import arriving
from crnn_audio.errors import DataError

Member = tuple[tarfile.TarInfo, bytes]


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "") -> Member:
    found = tarfile.TarInfo(name)
    found.type, found.linkname, found.size, found.mode = kind, link, len(content), 0o4777
    return found, content


def archive(path: Path, *members: Member, form: int = tarfile.PAX_FORMAT) -> Path:
    with tarfile.open(path, "w:gz", format=form) as tar:
        for info, content in members:
            tar.addfile(info, io.BytesIO(content))
    return path


def unpacked(path: Path, folder: Path) -> dict[str, bytes]:
    with arriving(folder) as partial:
        download.unpack(path, partial, "top")
    return {str(one.relative_to(folder)): one.read_bytes() for one in sorted(folder.rglob("*")) if one.is_file()}


# ---------------------------------------------------------------------------------------- archives


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT, tarfile.USTAR_FORMAT])
def test_files_come_without_their_top_folder_and_without_rights(tmp_path: Path, form: int) -> None:
    long = "b" * 90 + "/c" * 20
    whole = [member("top/", kind=tarfile.DIRTYPE), member("./top/a", b"A" * 512), member(f"top/{long}", b"B" * 70_000)]
    found = unpacked(archive(tmp_path / "x.tar.gz", *whole, member("beside", b"x"), form=form), tmp_path / "data" / "x")
    assert found == {"a": b"A" * 512, long: b"B" * 70_000}
    assert not (tmp_path / "data" / "x" / "a").stat().st_mode & (stat.S_IXUSR | stat.S_ISUID | stat.S_IWOTH)


def test_links_and_devices_are_left_out(tmp_path: Path) -> None:
    (tmp_path / "mine").write_text("mine")
    kinds = (tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE)
    links = [member(f"top/link{number}", kind=kind, link="../../mine") for number, kind in enumerate(kinds)]
    path = archive(tmp_path / "x.tar.gz", *links, member("top/link0/a", b"through"), member("top/link1", b"itself"))
    assert unpacked(path, tmp_path / "data" / "x") == {"link0/a": b"through", "link1": b"itself"}
    assert (tmp_path / "mine").read_text() == "mine"


def test_a_deep_chain_of_links_leads_nowhere(tmp_path: Path) -> None:
    """The way out of `tarfile`'s filters: paths too long to be resolved, and a link at their end."""
    (tmp_path / "mine").write_text("mine")
    deep, step = "d" * 200, "top"
    members = []
    for letter in "abcdefghijklmnop":
        members += [member(f"{step}/{deep}", kind=tarfile.DIRTYPE), member(f"{step}/{letter}", kind=b"2", link=deep)]
        step += f"/{letter}"
    members += [member(f"{step}/{'l' * 254}", kind=b"2", link="../" * 16), member("top/out", kind=b"2", link=step[4:])]
    members += [member("top/out/mine", b"theirs"), member("top/flag", kind=b"1", link="top/out/mine")]
    found = unpacked(archive(tmp_path / "x.tar.gz", *members), tmp_path / "data" / "x")
    assert found == {"out/mine": b"theirs"}
    assert (tmp_path / "mine").read_text() == "mine"


@pytest.mark.parametrize("name", ["/etc/passwd", "../mine", "top/../../mine", "top/a/../../../../mine", "//x"])
def test_names_that_lead_out_are_refused(tmp_path: Path, name: str) -> None:
    path = archive(tmp_path / "x.tar.gz", member("top/a", b"A"), member(name, b"theirs"))
    with pytest.raises(
        DataError, match=r"x\.tar\.gz is damaged or not the archive it should be \(the name .* leads out"
    ):
        unpacked(path, tmp_path / "data" / "x")
    assert [*(tmp_path / "data").iterdir()] == []


def test_bombs_are_bounded(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(download, "MOST_FILES", 10)
    monkeypatch.setattr(download, "MOST_BYTES", 1 << 20)
    many = archive(tmp_path / "many.tar.gz", *(member(f"top/{number}") for number in range(11)))
    large = archive(tmp_path / "large.tar.gz", member("top/a", bytes(2 << 20)))
    several = archive(tmp_path / "several.tar.gz", *(member(f"top/{number}", bytes(400_000)) for number in range(3)))
    header = archive(tmp_path / "header.tar.gz", member("x", b"30 path=top/a\n" + bytes(8 << 20), kind=tarfile.XHDTYPE))
    beside = archive(tmp_path / "beside.tar.gz", member("beside", bytes(900_000)), member("also", bytes(900_000)))
    for path, message in (
        (many, "more than 10 files"),
        (large, "'top/a' is of 2097152 bytes"),
        (several, "more than 1,048,576 bytes unpacked"),
        (header, "a header of 8389120 bytes"),
        (beside, "more than 1,048,576 bytes unpacked"),
    ):
        with pytest.raises(DataError, match=message):
            unpacked(path, tmp_path / "data" / "x")
    assert [*(tmp_path / "data").iterdir()] == []


def forged(size: bytes, name: bytes = b"top/a", kind: bytes = b"0") -> bytes:
    """A header of a member, whatever it says of its size."""
    block = name.ljust(100, b"\0") + b"0000644\0" + b"0000000\0" * 2 + size.ljust(12, b"\0") + b"0" * 11 + b"\0"
    rest = kind + bytes(100) + b"ustar\0" + b"00" + bytes(247)
    total = sum(block) + sum(rest) + 8 * 32
    return block + b"%06o\0 " % total + rest


@pytest.mark.parametrize(
    "content",
    [
        b"",
        b"rubbish",
        bytes(1024),
        forged(b"\xff" * 12),  # minus one byte
        forged(b"\xff" * 10 + b"\xfc\x00", kind=b"x"),
        forged(b"\x80" + b"\x7f" * 11),
        forged(b"00000000010", kind=b"x") + b"rubbish!".ljust(512, b"\0"),
        forged(b"77777777777"),
        forged(b"00000000002") + b"ab".ljust(512, b"\0") + forged(b"", name=b"top/a/b"),
        forged(b"00000000001", kind=b"L") * 3000,
    ],
    ids=range(10),
)
def test_a_damaged_archive_is_one_message(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "x.tar.gz"
    path.write_bytes(gzip.compress(content))
    with pytest.raises(DataError, match=r"^x\.tar\.gz (is damaged or not the archive|holds no folder)") as caught:
        unpacked(path, tmp_path / "data" / "x")
    assert "\n" not in str(caught.value)
    path.write_bytes(gzip.compress(content)[:-9])
    with pytest.raises(DataError, match=r"^x\.tar\.gz (is damaged or not the archive|holds no folder)"):
        unpacked(path, tmp_path / "data" / "x")


# ---------------------------------------------------------------------------------------- downloads


@pytest.mark.parametrize(
    ("module", "name", "digest"),
    [
        (an4, an4.ARCHIVE, an4.DIGEST),
        (mini_librispeech, "train-clean-5.tar.gz", mini_librispeech.DIGESTS["train-clean-5"]),
        (piano_rolls, "JSB_Chorales.mat", piano_rolls.DIGESTS["jsb"]),
        (alice, alice.FILE, alice.DIGEST),
    ],
)
def test_another_file_than_was_pinned_is_never_opened(
    tmp_path: Path, serve: Callable[[Path], str], module, name: str, digest: str
) -> None:
    (tmp_path / "web").mkdir()
    archive(tmp_path / "web" / name, member("top/a", b"A"))
    with pytest.raises(DataError, match=f"where the corpus has {digest}: it was damaged on the way, or replaced"):
        module.obtain(tmp_path / "data" / "x", home=serve(tmp_path / "web"))
    assert [*(tmp_path / "data").iterdir()] == []


@pytest.mark.parametrize("name", ["alice/alice29.txt", "tinyshakespeare/input.txt", "piano_rolls/JSB_Chorales.mat"])
def test_the_pins_are_those_of_the_real_files(corpus: Callable[[str], Path], name: str) -> None:
    folder, _, file = name.partition("/")
    module = CORPORA[folder]
    pinned = piano_rolls.DIGESTS["jsb"] if module is piano_rolls else module.DIGEST
    path = corpus(folder) / file
    download.fetch(path.as_uri(), Path(os.devnull), "x", digest=pinned)


def test_what_is_not_pinned_is_not_downloaded(tmp_path: Path) -> None:
    with pytest.raises(DataError, match="no digest of it is known"):
        download.fetch("https://example.org/main/x.tar.gz", tmp_path / "x", "x")


def test_what_is_not_pinned_is_accepted_on_demand_and_recorded(tmp_path: Path) -> None:
    (tmp_path / "there.txt").write_bytes(b"text")
    address = (tmp_path / "there.txt").as_uri()
    (tmp_path / "corpus").mkdir()
    with pytest.raises(DataError, match="`crnn-audio prepare CORPUS --accept-unverified` does, and records its SHA"):
        download.fetch(address, tmp_path / "corpus" / "x", "x")
    with download.accepting_unverified():
        download.fetch(address, tmp_path / "corpus" / "x", "x")
        with pytest.raises(DataError, match="damaged on the way, or replaced"):
            download.fetch(address, tmp_path / "corpus" / "y", "y", digest="sha256:00")
    found = hashlib.sha256(b"text").hexdigest()
    assert (tmp_path / "corpus" / "SHA256SUMS").read_text() == f"{found}  {address}\n"
    with pytest.raises(DataError, match="no digest of it is known"):
        download.fetch(address, tmp_path / "corpus" / "z", "z")


def test_every_download_is_encrypted() -> None:
    plain = [corpus.HOME for corpus in CORPORA.values() if corpus.HOME.startswith("http:")]
    assert plain == [an4.HOME, speech_commands.HOME], "each is fetched from a copy"
    assert an4.COPY.startswith("https:")
    assert speech_commands.COPY.startswith("https:")


@contextmanager
def answering(status: int, headers: dict[str, str]) -> Iterator[str]:
    """A server that answers everything like this."""

    class Answer(http.server.BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = http.server.HTTPServer(("127.0.0.1", 0), Answer)
    threading.Thread(target=server.serve_forever, args=(0.02,), daemon=True).start()
    yield f"http://127.0.0.1:{server.server_port}/"
    server.shutdown()
    server.server_close()


@pytest.mark.parametrize(
    ("status", "headers"),
    [(200, {"Content-Length": "many"}), (302, {"Location": "http://[x"}), (302, {"Location": "gopher://x/"})],
)
def test_what_a_server_says_wrongly_is_one_line(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, status: int, headers: dict[str, str]
) -> None:
    monkeypatch.setenv("no_proxy", "127.0.0.1")
    with answering(status, headers) as address, pytest.raises(DataError, match=r"cannot be downloaded \(") as caught:
        download.fetch(f"{address}x", tmp_path / "x", "x", digest="md5:0")
    assert "\n" not in str(caught.value)


def test_a_download_without_end_is_stopped(
    tmp_path: Path, serve: Callable[[Path], str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(download, "MOST_BYTES", 1 << 19)
    (tmp_path / "x").write_bytes(bytes(1 << 20))
    with pytest.raises(DataError, match="more than 524,288 bytes"):
        download.fetch(f"{serve(tmp_path)}x", tmp_path / "y", "x", digest="md5:0")
