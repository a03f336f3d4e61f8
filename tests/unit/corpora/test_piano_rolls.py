"""Collections of piano rolls: as published, damaged in every way, downloaded or not there at all."""

import shutil
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from scipy.io import loadmat, savemat

from crnn_audio.corpora import piano_rolls
from crnn_audio.corpora.piano_rolls import FILES
from crnn_audio.errors import DataError
from crnn_audio.problems import rolls as problem
from tests import rolls
from tests.rolls import cells, tune


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return rolls.folder(tmp_path_factory.mktemp("home") / "piano_rolls", pieces=3)


@pytest.fixture
def broken(home: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(home, tmp_path / "piano_rolls"))


def split(*pieces: np.ndarray, **others: object) -> dict[str, object]:
    """A file's content: the same pieces in every split."""
    return dict.fromkeys(piano_rolls.SPLITS.values(), cells(list(pieces))) | others


# ---------------------------------------------------------------------------------------- as published


@pytest.mark.parametrize("collection", FILES)
def test_pieces_come_as_they_were_written(home: Path, collection: str) -> None:
    found = piano_rolls.read_splits(home, collection)
    content = loadmat(home / FILES[collection])
    assert list(found) == ["train", "dev", "test"]
    for name, column in (("train", "traindata"), ("dev", "validdata"), ("test", "testdata")):
        assert [piece.id for piece in found[name]] == [f"{collection}-{name}-{number}" for number in range(3)]
        for piece, wanted in zip(found[name], content[column][0], strict=True):
            assert piece.roll.dtype == np.uint8
            np.testing.assert_array_equal(piece.roll, wanted)


def test_collections_differ(home: Path) -> None:
    first = {collection: piano_rolls.read_splits(home, collection)["train"][0].roll.tobytes() for collection in FILES}
    assert len(set(first.values())) == 4


@pytest.mark.parametrize("kind", [np.uint8, np.int16, np.float64, bool])
@pytest.mark.parametrize("turned", [False, True], ids=["row", "column"])
def test_numbers_of_any_kind_in_a_row_or_a_column(tmp_path: Path, kind: type, turned: bool) -> None:
    pieces = [tune(1, 5).astype(kind), tune(2, 7).astype(kind)]
    content = {name: cell.T if turned else cell for name, cell in split(*pieces).items()}
    savemat(tmp_path / FILES["jsb"], content)
    found = piano_rolls.read_splits(tmp_path, "jsb")["dev"]
    assert [len(piece.roll) for piece in found] == [5, 7]
    np.testing.assert_array_equal(found[1].roll, tune(2, 7))


def test_compressed_files_are_read(tmp_path: Path) -> None:
    savemat(tmp_path / FILES["jsb"], split(tune(1, 5)), do_compression=True)
    assert len(piano_rolls.read_splits(tmp_path, "jsb")["test"]) == 1


@pytest.mark.parametrize(
    ("collection", "counts", "longest"), [("jsb", (229, 76, 77), 160), ("nottingham", (694, 173, 170), 1793)]
)
def test_the_real_collections_have_their_counts(
    corpus: Callable[[str], Path], collection: str, counts: tuple[int, ...], longest: int
) -> None:
    found = piano_rolls.read_splits(corpus("piano_rolls"), collection)
    assert tuple(len(pieces) for pieces in found.values()) == counts
    assert max(len(piece.roll) for pieces in found.values() for piece in pieces) == longest


# ---------------------------------------------------------------------------------------- damaged


def refusal(folder: Path) -> str:
    with pytest.raises(DataError) as caught:
        piano_rolls.read_splits(folder, "jsb")
    assert "\n" not in str(caught.value)
    assert caught.value.exit_code == 4
    return str(caught.value)


@pytest.mark.parametrize(
    ("content", "message"),
    [
        (split(tune(1, 5), tune(2, 5)[:, :87]), "jsb-train-1: a matrix of shape (5, 87); it should be (frames, 88)"),
        (split(np.pad(tune(2, 5), ((0, 0), (0, 1)))), "a matrix of shape (5, 89)"),
        (split(tune(2, 88).T[:, :20]), "a matrix of shape (88, 20)"),
        (split(np.zeros((0, 88))), "jsb-train-0: 0 frames; a piece needs two"),
        (split(np.zeros((0, 0))), "a matrix of shape (0, 0)"),
        (split(tune(1, 1)), "jsb-train-0: 1 frames; a piece needs two, an input and a target"),
        (split(2 * tune(1, 5)), "jsb-train-0: holds other values than 0 and 1"),
        (split(0.5 * tune(1, 5)), "holds other values than 0 and 1"),
        (split(-tune(1, 5).astype(int)), "holds other values than 0 and 1"),
        (split(np.where(tune(1, 5) == 1, np.nan, 0.0)), "holds other values than 0 and 1"),
        (split(tune(1, 5) * 1j), "holds other values than 0 and 1"),
        (split("la la la"), "a matrix of shape (1,)"),
        (split(tune(1, 5)) | {"validdata": cells([tune(1, 5), tune(1, 1)])}, "jsb-dev-1: 1 frames"),
        (split(tune(1, 5)) | {"testdata": tune(1, 5)}, "jsb-test-0: a matrix of shape ()"),
        ({"rolls": cells([tune(1, 5)]), "extra": 1}, "holds no traindata, but extra, rolls. It should have traindata"),
        ({"traindata": cells([tune(1, 5)]), "testdata": cells([tune(1, 5)])}, "holds no validdata, but testdata"),
        ({}, "holds no traindata, but nothing"),
    ],
)
def test_what_is_no_collection_is_refused(tmp_path: Path, content: dict[str, object], message: str) -> None:
    savemat(tmp_path / FILES["jsb"], content)
    said = refusal(tmp_path)
    assert str(tmp_path / FILES["jsb"]) in said
    assert message in said


@pytest.mark.parametrize("content", [b"", b"x", b"not MATLAB at all, but text\n" * 50, b"\x89PNG\r\n\x1a\n" * 40])
def test_what_is_no_matlab_file_is_refused(tmp_path: Path, content: bytes) -> None:
    (tmp_path / FILES["jsb"]).write_bytes(content)
    assert "not a MATLAB file that can be read" in refusal(tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_cut_short_anywhere_is_refused(tmp_path: Path, compressed: bool) -> None:
    path = tmp_path / FILES["jsb"]
    savemat(path, split(tune(1, 9), tune(2, 9)), do_compression=compressed)
    whole = path.read_bytes()
    for length in {*range(1, len(whole), max(len(whole) // 60, 1)), *range(100, 160), len(whole) - 1}:
        path.write_bytes(whole[:length])
        refusal(tmp_path)


@pytest.mark.parametrize("compressed", [False, True])
def test_a_file_with_changed_bytes_is_read_or_refused(tmp_path: Path, compressed: bool) -> None:
    path, random = tmp_path / FILES["jsb"], np.random.default_rng(0)
    savemat(path, split(tune(1, 9), tune(2, 9)), do_compression=compressed)
    whole, refused = path.read_bytes(), 0
    for _ in range(300):
        spoiled = bytearray(whole)
        for place in random.integers(0, min(len(whole), 900), random.integers(1, 4)):
            spoiled[place] = random.integers(0, 256)
        path.write_bytes(bytes(spoiled))
        try:
            piano_rolls.read_splits(tmp_path, "jsb")
        except DataError:
            refused += 1
    assert refused > 30


def test_a_file_that_is_not_there_says_what_is(home: Path, tmp_path: Path) -> None:
    only = tmp_path / "only"
    only.mkdir()
    shutil.copy(home / FILES["nottingham"], only)
    said = refusal(only)
    assert "JSB_Chorales.mat: no such file; there are Nottingham.mat. It comes from https://" in said
    assert "no such file. It comes from" in refusal(tmp_path / "nowhere")
    (only / FILES["jsb"]).mkdir()
    assert FILES["jsb"] in refusal(only)


# ---------------------------------------------------------------------------------------- obtained


@pytest.mark.usefixtures("unpinned")
def test_it_is_downloaded_whole_or_not_at_all(home: Path, tmp_path: Path, serve: Callable[[Path], str]) -> None:
    for section in ("whole", "short"):
        shutil.copytree(home, tmp_path / "web" / section)
    web, seen = serve(tmp_path / "web"), list[tuple[str, int, int]]()
    target = tmp_path / "data" / "piano_rolls"
    piano_rolls.obtain(target, lambda *progress: seen.append(progress), home=f"{web}whole/")
    assert sorted(path.name for path in target.iterdir()) == sorted(FILES.values())
    assert len(piano_rolls.read_splits(target, "musedata")["dev"]) == 3
    assert {what for what, _, _ in seen} == {f"downloading {name}" for name in FILES.values()}
    assert all(0 < done <= total for _, done, total in seen)
    with pytest.raises(DataError, match="broke off after"):
        piano_rolls.obtain(tmp_path / "half" / "piano_rolls", home=f"{web}short/")
    assert list((tmp_path / "half").iterdir()) == []


@pytest.mark.usefixtures("unpinned")
@pytest.mark.parametrize("damage", ["absent", "damaged"])
def test_a_bad_home_leaves_nothing(broken: Path, tmp_path: Path, serve: Callable[[Path], str], damage: str) -> None:
    path = broken / FILES["piano_midi"]  # the last one
    path.unlink()
    if damage == "damaged":
        path.write_text("moved")
    message = "404" if damage == "absent" else "not a MATLAB file"
    with pytest.raises(DataError, match=message):
        piano_rolls.obtain(tmp_path / "new" / "piano_rolls", home=serve(broken))
    assert list((tmp_path / "new").iterdir()) == []


# ---------------------------------------------------------------------------------------- by a recipe


def test_a_recipe_finds_its_collection(home: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CRNN_AUDIO_DATA", str(home.parent))
    by_environment = problem.data(rolls.small("", {"data.root": None, "data.collection": "musedata"})).items
    assert [piece.id for piece in by_environment["test"]] == [f"musedata-test-{number}" for number in range(3)]
    assert by_environment["dev"][0].roll.tobytes() == piano_rolls.read_splits(home, "musedata")["dev"][0].roll.tobytes()
    with pytest.raises(DataError, match="piano_rolls: not found") as caught:
        problem.data(rolls.small(tmp_path / "attic"))
    assert str(tmp_path / "attic") in str(caught.value)
