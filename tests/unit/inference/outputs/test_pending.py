"""What is done is left alone, what is not ours is never replaced, options that contradict each other are refused."""

import json
import os
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from crnn_audio.inference.outputs.names import Input
from crnn_audio.inference.outputs.pending import Outputs, Pending, clash, misuse, pending


@pytest.fixture
def rec(tmp_path: Path) -> Path:
    """Three recordings, an hour old."""
    for name in ("a.wav", "b.wav", "sub/c.wav"):
        (tmp_path / "rec" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "rec" / name).touch()
        age(tmp_path / "rec" / name, -3600)
    return tmp_path / "rec"


def age(path: Path, seconds: float) -> None:
    os.utime(path, (path.stat().st_atime, path.stat().st_mtime + seconds))


def write(planned: Pending, outputs: Outputs) -> None:
    for one in planned.inputs:
        for path in outputs.paths(one.name).values():
            path.parent.mkdir(parents=True, exist_ok=True)
            path.touch()


def to_do(rec: Path, outputs: Outputs, **options: bool) -> list[str]:
    return [one.name for one in pending([str(rec)], outputs, **options).inputs]


def test_paths_of_one_recording() -> None:
    both = Outputs(("text", "textgrid"), Path("o"), Path("p"))
    assert [str(path) for path in both.paths("sub/x.y").values()] == [
        "o/sub/x.y.txt",
        "o/sub/x.y.TextGrid",
        "p/sub/x.y.png",
    ]
    assert Outputs(("text",)).paths("x") == {}


def test_what_is_done_is_not_done_again_until_it_changes(rec: Path, tmp_path: Path) -> None:
    outputs = Outputs(("srt", "json"), tmp_path / "out")
    first = pending([str(rec)], outputs)
    assert [one.name for one in first.inputs] == ["a", "b", "sub/c"]
    write(first, outputs)
    again = pending([str(rec)], outputs)
    assert (again.inputs, again.num_done, again.problems) == ((), 3, ())
    assert to_do(rec, outputs, overwrite=True) == ["a", "b", "sub/c"]

    age(rec / "a.wav", 7200)
    (tmp_path / "out" / "b.json").unlink()
    assert to_do(rec, outputs) == ["a", "b"]


def test_another_format_or_a_picture_is_work_to_do(rec: Path, tmp_path: Path) -> None:
    outputs = Outputs(("srt",), tmp_path / "out")
    write(pending([str(rec)], outputs), outputs)
    assert len(to_do(rec, Outputs(("srt", "vtt"), tmp_path / "out"))) == 3
    assert len(to_do(rec, Outputs(("srt",), tmp_path / "out", tmp_path / "pictures"))) == 3


def test_files_of_somebody_else_are_not_replaced(rec: Path, tmp_path: Path) -> None:
    (rec / "a.txt").write_text("THE REFERENCE")
    outputs = Outputs(("text",), rec)
    for _ in range(2):  # nor once a call has been here
        planned = pending([str(rec)], outputs)
        assert [str(problem) for problem in planned.problems] == [
            f"{rec}/a.wav: {rec}/a.txt exists and was not written by an earlier call. Choose another folder, or add "
            "--overwrite to replace it."
        ]
        assert "a" not in [one.name for one in planned.inputs]
        write(planned, outputs)
    assert "a" in to_do(rec, outputs, overwrite=True)


def test_nor_are_they_where_another_format_is_ours(rec: Path) -> None:
    write(pending([str(rec)], Outputs(("srt",), rec)), Outputs(("srt",), rec))
    (rec / "a.txt").write_text("THE REFERENCE")
    planned = pending([str(rec)], Outputs(("text",), rec))
    assert [one.name for one in planned.inputs] == ["b", "sub/c"]
    assert len(planned.problems) == 1


def test_a_recording_that_is_not_there_takes_no_name(tmp_path: Path) -> None:
    outputs = Outputs(("text",), tmp_path / "out")
    (tmp_path / "there").mkdir()
    (tmp_path / "there" / "x.wav").touch()
    assert [one.name for one in pending([str(tmp_path / "gone/x.wav")], outputs).inputs] == ["x"]
    assert [one.name for one in pending([str(tmp_path / "there/x.wav")], outputs).inputs] == ["x"]


def test_calls_at_the_same_time_give_no_name_twice(tmp_path: Path) -> None:
    paths = [tmp_path / str(index) / "x.wav" for index in range(12)]
    for path in paths:
        path.parent.mkdir()
        path.touch()
    outputs = Outputs(("text",), tmp_path / "out")
    with ThreadPoolExecutor(12) as calls:
        plans = list(calls.map(lambda path: pending([str(path)], outputs), paths))
    assert len({planned.inputs[0].name for planned in plans}) == 12
    assert sorted(to_do(tmp_path, outputs)) == sorted(planned.inputs[0].name for planned in plans)


def test_standard_input_is_never_done(tmp_path: Path) -> None:
    outputs = Outputs(("text",), tmp_path)
    for _ in range(2):
        planned = pending(["-"], outputs)
        assert [one.name for one in planned.inputs] == ["stdin"]
        write(planned, outputs)


def test_without_a_folder_nothing_is_written_or_left_out(rec: Path, tmp_path: Path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    planned = pending(["rec", "rec/a.wav"], Outputs(("text",)))
    assert [one.path for one in planned.inputs] == ["rec/a.wav", "rec/b.wav", "rec/sub/c.wav", "rec/a.wav"]
    assert [path.name for path in tmp_path.iterdir()] == ["rec"]


def test_options_that_contradict_each_other() -> None:
    out = Path("out")
    assert misuse(Outputs(("srt", "vtt")), overwrite=False) == (
        "Several formats at once need --out DIR, a folder for their files."
    )
    assert "--overwrite" in str(misuse(Outputs(("srt",)), overwrite=True))
    for fine in (Outputs(("srt", "vtt"), out), Outputs(("srt",)), Outputs(("srt",), None, out)):
        assert misuse(fine, overwrite=False) is None
    assert misuse(Outputs(("srt",), out), overwrite=True) is None


@pytest.mark.parametrize("form", ["srt", "vtt", "tsv", "textgrid"])
def test_formats_of_one_recording_do_not_follow_each_other(form: str) -> None:
    one, other = Input("a.wav", "a"), Input("b.wav", "b")
    assert clash(Pending((one,)), Outputs((form,))) is None
    assert clash(Pending((one, other)), Outputs((form,), Path("out"))) is None
    said = clash(Pending((one, other)), Outputs((form,)))
    assert said == f"A file of {form} holds one recording, but 2 are given. Add --out DIR."


def test_two_recordings_of_a_name_cannot_share_a_ctm() -> None:
    assert clash(Pending((Input("a.wav", "a"), Input("b.wav", "b"))), Outputs(("ctm",))) is None
    assert "same name" in str(clash(Pending((Input("1/a.wav", "a"), Input("2/a.wav", "a"))), Outputs(("ctm",))))
    assert clash(Pending((Input("1/a.wav", "a"), Input("2/a.wav", "a"))), Outputs(("text",))) is None


def test_results_of_another_model_are_work_to_do(rec: Path, tmp_path: Path) -> None:
    """However often a call is stopped before it replaced them, and in any order of models and formats."""
    out = tmp_path / "out"
    text, both = Outputs(("text",), out), Outputs(("text", "srt"), out)
    write(pending([str(rec)], text, model="one"), text)
    assert pending([str(rec)], text, model="one").num_done == 3
    assert pending([str(rec)], text).num_done == 3, "where the model is not known, any will do"
    for _ in range(2):  # stopped before anything was written
        planned = pending([str(rec)], text, model="other")
        assert (len(planned.inputs), planned.num_done) == (3, 0)
    (out / "a.txt").touch()
    age(out / "a.txt", 1)
    assert [one.name for one in pending([str(rec)], text, model="other").inputs] == ["b", "sub/c"]
    back = pending([str(rec)], text, model="one")
    assert (len(back.inputs), back.num_stale) == (3, 3)
    for path in (out / "a.txt", out / "b.txt", out / "sub/c.txt"):
        age(path, 2)
    assert pending([str(rec)], text, model="one").num_done == 3
    assert len(pending([str(rec)], both, model="one").inputs) == 3


def test_a_folder_of_an_earlier_version_is_done_and_then_has_a_model(rec: Path, tmp_path: Path) -> None:
    outputs = Outputs(("text",), tmp_path / "out")
    write(pending([str(rec)], outputs), outputs)
    index = tmp_path / "out" / ".sources.json"
    entries = json.loads(index.read_text())
    plain = {name: {key: entry[key] for key in ("source", "formats")} for name, entry in entries.items()}
    index.write_text(json.dumps(plain))
    assert pending([str(rec)], outputs, model="one").num_done == 3


def test_a_link_in_the_folder_of_the_results_is_not_followed_out_of_it(rec: Path, tmp_path: Path) -> None:
    outside = tmp_path / "outside"
    outside.mkdir()
    (tmp_path / "real").mkdir()
    (tmp_path / "out").symlink_to(tmp_path / "real")
    (tmp_path / "out" / "sub").symlink_to(outside)
    outputs = Outputs(("text",), tmp_path / "out", tmp_path / "out")
    planned = pending([str(rec)], outputs, overwrite=True)
    assert [one.name for one in planned.inputs] == ["a", "b"]
    assert [str(one) for one in planned.problems] == [
        f"{rec}/sub/c.wav: {tmp_path}/out/sub is a link that leads out of {tmp_path}/out. Remove it, or choose another "
        "folder."
    ]
    (tmp_path / "out" / "sub").unlink()
    (tmp_path / "real" / "other").mkdir()
    (tmp_path / "out" / "sub").symlink_to("other")
    assert to_do(rec, outputs, overwrite=True) == ["a", "b", "sub/c"]
