"""Scores, texts and folders of results gone wrong: a result or one message, and no file of others is touched."""

import json
import shutil
from pathlib import Path

import pytest

from tests import events, texts, trainings
from tests.fuzz import pieces
from tests.fuzz.conftest import Grounds
from tests.fuzz.entry import Program
from tests.fuzz.mutations import Draw, as_json, changed_inside, damaged, draw
from tests.fuzz.test_fuzz import cases

MINE = b"mine"


@pytest.fixture(scope="session")
def composer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a small composer."""
    folder = tmp_path_factory.mktemp("composer")
    events.folder(folder / "data", "chorale", 12)
    trainings.quietly(events.small("chorale", folder / "data", {"optim.max_epochs": 1}), folder / "run")
    return folder / "run"


@pytest.fixture(scope="session")
def writer(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The run of a small writer of text."""
    folder = tmp_path_factory.mktemp("writer")
    recipe = texts.small(texts.file(folder / "text.txt", 600), {"optim.max_epochs": 1})
    trainings.quietly(recipe, folder / "run")
    return folder / "run"


@cases("scores", 0.5)
def test_a_damaged_score(seed: int, composer: Path, program: Program, tmp_path: Path) -> None:
    rng = draw("score", seed)
    suffix, content = pieces.score(rng, tmp_path)
    path = tmp_path / f"piece.{suffix}"
    path.write_bytes(content)
    if rng.random() < 0.6:
        outcome = program("score", composer, path, "--json")
        assert len(outcome.objects()) == (outcome.code == 0), outcome
    else:
        use = rng.choice((("--primer", path, "--bars", 3), ("--keep", f"soprano={path}")))
        outcome = program("generate", composer, "--out", "out", *use)
    assert outcome.code in (0, 2, 3, 4), outcome
    assert outcome.code == 0 or outcome.names(path, path.name, "primer", "soprano", "soundfont"), outcome


@cases("texts", 1)
def test_a_damaged_text(seed: int, writer: Path, program: Program, tmp_path: Path) -> None:
    rng = draw("text", seed)
    path = tmp_path / "a text.txt"
    path.write_bytes(pieces.text(rng))
    unit = rng.choice(("words", "characters"))
    words = rng.choice(
        (
            ("ngram", path, "--order", rng.choice((1, 2, 5)), "--unit", unit, "--out", "a.arpa", "--json"),
            ("ngram", path, "--order", 2, "--unit", unit, "--score", path, "--json"),
            ("score", writer, path, "--json"),
            ("generate", writer, "--primer", path, "--tokens", 5, "--json"),
        )
    )
    outcome = program(*words)
    assert outcome.code in (0, 2, 4), outcome
    assert outcome.code == 0 or outcome.names(path, "primer", "text"), outcome
    assert len(outcome.objects()) == (outcome.code == 0), outcome


@cases("out folders", 0.6)
def test_a_damaged_folder_of_texts(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("out", seed)
    for name in ("one.wav", "two.wav"):
        shutil.copyfile(grounds.good, tmp_path / name)
    words = ("transcribe", grounds.run, tmp_path / "one.wav", tmp_path / "two.wav", "--out", "out")
    assert program(*words).code == 0
    _spoil(rng, tmp_path / "out", tmp_path / "out" / ".sources.json")
    _try(program, tmp_path, *words, "--format", rng.choice(("text", "text,json", "srt")))


@cases("out folders", 0.4)
def test_a_damaged_folder_of_pieces(seed: int, writer: Path, program: Program, tmp_path: Path) -> None:
    rng = draw("pieces", seed)
    words = ("generate", writer, "--out", "out", "--tokens", 5, "--num", 2)
    assert program(*words).code == 0
    (listing,) = (tmp_path / "out").glob("*.jsonl")
    _spoil(rng, tmp_path / "out", listing)
    _try(program, tmp_path, *words, "--seed", rng.choice((0, 1, 5)))


def _spoil(rng: Draw, out: Path, listing: Path) -> None:
    """Other words in the folder's list, names that lead elsewhere, and things of one's own in the way."""
    content = listing.read_text()
    lines = content.splitlines() if listing.suffix == ".jsonl" else [content]
    index = rng.randrange(len(lines))
    what = rng.random()
    if what < 0.3:
        lines[index] = as_json(rng, changed_inside(rng, json.loads(lines[index])))
    elif what < 0.7:
        own = rng.choice(("one", "two", "run-0", "run-1"))
        elsewhere = rng.choice(("../mine", "../sub/mine", "/mine", "sub/../../mine", "mine", "..", "", "a" * 300))
        lines[index] = lines[index].replace(own, elsewhere)
    listing.write_bytes("\n".join(lines).encode("utf-8", "surrogatepass"))
    if what > 0.8:
        listing.write_bytes(damaged(rng, listing.read_bytes()))
    for _ in range(rng.choice((0, 1, 1, 2))):
        path = rng.choice([path for path in out.iterdir() if path != listing] or [out / "one.txt"])
        path.unlink(missing_ok=True) if not path.is_dir() else None
        if not path.exists():
            _make(rng, path)
    (out.parent / "mine").write_bytes(MINE)


def _make(rng: Draw, path: Path) -> None:
    match rng.randrange(4):
        case 0:
            path.mkdir()
        case 1:
            path.symlink_to("../mine")
        case 2:
            path.symlink_to("nowhere")
        case 3:
            path.write_bytes(MINE)


def _try(program: Program, folder: Path, *words: object) -> None:
    before = {path.name for path in folder.iterdir()}
    outcome = program(*words)
    assert outcome.code in (0, 4), outcome
    assert (folder / "mine").read_bytes() == MINE, outcome
    assert {path.name for path in folder.iterdir()} == before, outcome
    assert not [path for path in (folder / "out").iterdir() if path.name.endswith(".partial")], outcome
