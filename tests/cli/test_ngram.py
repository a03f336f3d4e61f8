"""N-gram models from the command line: written, scored beside what the package computes, and asks that are refused."""

import json
import math
from pathlib import Path

import pytest

from crnn_audio.text import arpa
from tests.cli.conftest import Here, program

SONG = "row row row your boat\ngently down the stream\n\nmerrily merrily merrily merrily\nlife is but a dream\n"
OTHER = "row your dream\r\n\r\ndown the river\r\n"


@pytest.fixture
def tree(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with texts, that we are in."""
    monkeypatch.chdir(tmp_path)
    Path("song.txt").write_text(SONG, encoding="utf-8")
    Path("other.txt").write_bytes(b"\xef\xbb\xbf" + OTHER.encode())
    Path("empty.txt").touch()
    Path("blank.txt").write_text(" \n\n", encoding="utf-8")
    Path("short.txt").write_text("abc", encoding="utf-8")
    Path("latin.txt").write_bytes(b"caf\xe9 au lait")
    Path("marked.txt").write_text("<s> hello </s>\n", encoding="utf-8")
    Path("folder").mkdir()
    return tmp_path


def test_invisible_characters_are_no_part_of_words(tree: Path, here: Here) -> None:
    (tree / "hidden.txt").write_text("row\u200b row\nrow \ufeffrow\n", encoding="utf-8")
    done = here("ngram", "hidden.txt", "--order", 2, "--out", "hidden.arpa")
    assert done.stderr == "hidden.txt: 2 invisible characters (1 U+200B, 1 U+FEFF) in 1 text removed.\n"
    assert done.stdout.splitlines()[0] == " 1-grams          4"


def test_words(tree: Path, here: Here) -> None:
    done = here("ngram", "song.txt", "--order", 2, "--out", "models/song.arpa", "--score", "other.txt")
    model = arpa.read(tree / "models" / "song.arpa")
    assert (model.order, model.marked) == (2, True)
    found = model.likelihood([["row", "your", "dream"], ["down", "the", "river"]])
    assert done.stdout.splitlines() == [
        " 1-grams         16",
        " 2-grams         19",
        f"other.txt: {found.nats_per_token:.4f} nats a word, perplexity {found.perplexity:.4f} "
        "(8 words and ends of sentences, 1 unknown)",
    ]
    assert done.stderr.splitlines() == [
        "song.txt: blank lines left out: 1.",
        "other.txt: blank lines left out: 1.",
    ]


def test_characters_of_several_texts_as_json(tree: Path, here: Here) -> None:
    options = ("--unit", "characters", "--order", 3, "--out", "song.arpa", "--score", "other.txt", "--json")
    found = json.loads(here("ngram", "song.txt", "short.txt", *options).stdout)
    model = arpa.read(tree / "song.arpa")
    assert (model.order, model.marked) == (3, False)
    expected = model.likelihood([OTHER.replace("\r\n", "\n")])
    assert found == {
        "order": 3,
        "unit": "characters",
        "ngrams": [len(grams.keys) for grams in model.grams],
        "path": "other.txt",
        "nats_per_character": pytest.approx(expected.nats_per_token, abs=1e-7),
        "perplexity": pytest.approx(math.exp(expected.nats_per_token), abs=1e-6),
        "tokens": len(OTHER.replace("\r\n", "\n")),
        "unknown": 1,
    }


def test_printed_for_people_without_a_score(tree: Path) -> None:
    done = program("ngram", "short.txt", "--order", 1, "--unit", "characters", "--out", "m.arpa", cwd=tree)
    assert (done.stdout, done.stderr) == (" 1-grams          6\n", "")


@pytest.mark.parametrize(
    ("options", "exit_code", "message"),
    [
        (["empty.txt", "--out", "m.arpa"], 4, "empty.txt: an empty text; there is nothing"),
        (
            ["empty.txt", "--out", "m.arpa", "--unit", "characters"],
            4,
            "empty.txt: an empty text; there is nothing",
        ),
        (["blank.txt", "--out", "m.arpa"], 4, "blank.txt: an empty text; there is nothing"),
        (["song.txt", "--score", "empty.txt"], 4, "empty.txt: an empty text; there is nothing"),
        (["latin.txt", "--out", "m.arpa"], 4, "latin.txt, line 1: not UTF-8 (byte 3 is 0xe9). Save it as UTF-8."),
        (["song.txt", "--score", "latin.txt"], 4, "latin.txt, line 1: not UTF-8 (byte 3 is 0xe9)."),
        (["no.txt", "--out", "m.arpa"], 4, "no.txt: cannot be read (No such file or directory)."),
        (["folder", "--out", "m.arpa"], 4, "folder: cannot be read (Is a directory)."),
        (["marked.txt", "--out", "m.arpa"], 4, "marked.txt: <s> stands in the text, but it marks where sentences"),
        (["song.txt", "--score", "marked.txt"], 4, "marked.txt: <s> stands in the text"),
        (["short.txt", "--out", "m.arpa", "--order", "4"], 4, "short.txt: the longest sequence has 3 tokens (with <s>"),
        (
            ["short.txt", "--out", "m.arpa", "--order", "4", "--unit", "characters"],
            4,
            "short.txt: the longest sequence has 3 tokens, so there are no 4-grams. Take a longer text or a lower",
        ),
        (["song.txt", "--out", "folder"], 4, "folder: cannot be written ("),
        (["song.txt", "--out", "song.txt/m.arpa"], 4, "song.txt/m.arpa: cannot be written ("),
        (["song.txt", "--out", "m.arpa", "--order", "0"], 2, "'--order': Input should be greater than or equal to 1"),
        (["song.txt", "--out", "m.arpa", "--order", "11"], 2, "'--order': Input should be less than or equal to 10"),
        (["song.txt", "--out", "m.arpa", "--unit", "lines"], 2, "'lines' is not one of 'characters', 'words'"),
        (["song.txt"], 2, "Name --out FILE for the model, --score FILE for a text to score, or both."),
        (["--out", "m.arpa"], 2, "Missing argument 'FILE"),
    ],
)
def test_what_is_refused(tree: Path, here: Here, options: list[str], exit_code: int, message: str) -> None:
    done = here("ngram", *options, exit_code=exit_code)
    assert message in done.stderr
    assert done.stdout == ""
    assert not (tree / "m.arpa").exists()
