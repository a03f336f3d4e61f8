"""An exported recogniser says what the run says: alone, together, of long recordings, from a shell without torch."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest

from crnn_audio import runs
from crnn_audio.errors import DataError, RunError, StreamError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.exported import folder, light
from crnn_audio.inference.exported.recognizer import ExportedRecognizer
from crnn_audio.inference.speech import joining, transcription
from crnn_audio.problems.exporting import export
from crnn_audio.problems.opening import load
from crnn_audio.problems.parts import NoAssets
from tests import exports


def same(one: Hypothesis, other: Hypothesis) -> bool:
    return (one.text, one.seconds, one.path, [(word.text, word.start, word.end) for word in one.words]) == (
        other.text, other.seconds, other.path, [(word.text, word.start, word.end) for word in other.words]
    ) and one.confidence == pytest.approx(other.confidence, rel=1e-3)  # fmt: skip


def test_it_says_what_the_run_says_alone_and_together(both, recordings: list[Path]) -> None:
    wanted = both.eager.transcribe(recordings)
    assert len({one.text for one in wanted}) > 3
    assert all(map(same, both.exported.transcribe(recordings), wanted))
    assert all(same(both.exported.transcribe(path), one) for path, one in zip(recordings, wanted, strict=True))
    assert both.exported.frame_seconds == both.eager.frame_seconds


def test_it_says_the_same_of_long_recordings(both, recordings: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    wanted = both.eager.transcribe(recordings)
    monkeypatch.setattr(transcription, "SHORT", 0.0)
    monkeypatch.setattr(joining, "BLOCK", 0.21)
    assert all(map(same, both.exported.transcribe(recordings), wanted))


def test_windows_are_joined(both, recordings: list[Path], monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {"BLOCK": 0.2, "WINDOW": 0.4, "CONTEXT": 0.2}.items():
        monkeypatch.setattr(joining, name, value)
    monkeypatch.setattr(transcription, "SHORT", 0.0)
    reported = list[float]()
    ((_, result),) = both.exported.as_completed([recordings[0]], reported.append)
    assert reported == sorted(reported)
    assert len(reported) > 1
    assert result.seconds == both.eager.transcribe(recordings[0]).seconds


def test_errors_are_those_of_the_run(both, tmp_path: Path) -> None:
    (tmp_path / "empty.wav").write_bytes(b"")
    for source in (tmp_path / "empty.wav", tmp_path / "none.wav", b"noise"):
        with pytest.raises(DataError) as wanted:
            both.eager.transcribe(source)
        with pytest.raises(DataError) as found:
            both.exported.transcribe(source)
        assert str(found.value) == str(wanted.value)


def test_a_picture(both, recordings: list[Path], tmp_path: Path) -> None:
    assert both.exported.plot(recordings[0], tmp_path / "out.png").text == both.eager.transcribe(recordings[0]).text
    assert (tmp_path / "out.png").stat().st_size > 10000


def test_a_bidirectional_one_cannot_stream(both) -> None:
    if both.exported.pieces is None:
        with pytest.raises(StreamError, match="bidirectional and cannot stream"):
            both.exported.stream(16000)


def test_int8_is_a_graph_with_weights_of_8_bits_that_runs(live, recordings: list[Path], tmp_path: Path) -> None:
    out, _ = export(live.run, tmp_path / "small", int8=True)
    kinds = {one.data_type for one in onnx.load(out / "model.onnx").graph.initializer if len(one.dims) > 1}
    assert onnx.TensorProto.INT8 in kinds
    assert len(load(out).transcribe(recordings)) == len(recordings)
    assert json.loads((out / "export.json").read_text())["int8"] is True


# ------------------------------------------------------------------------------------------------ damage


@pytest.fixture
def copy(live, tmp_path: Path) -> Path:
    return Path(shutil.copytree(live.folder, tmp_path / "copy"))


def refused(path: Path) -> str:
    with pytest.raises(RunError) as raised:
        load(path)
    assert str(raised.value).startswith(str(path))
    return str(raised.value)


@pytest.mark.parametrize("name", ["model.onnx", "front_end.npz", "vocabulary.json"])
def test_a_damaged_or_missing_file_is_named(copy: Path, name: str) -> None:
    (copy / name).write_bytes((copy / name).read_bytes()[:-1])
    assert f"{name}: damaged (its SHA-256 is" in refused(copy)
    (copy / name).unlink()
    assert f"{name}: damaged (" in refused(copy)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"format": 9, "crnn_audio": "7.0"}, "exported in format 9 by crnn_audio 7.0"),
        ({"format": "x"}, "its format is 'x'"),
        ({"target": "sherpa"}, "exported for sherpa-onnx"),
        ({"kind": "music"}, "a model for task music, which this version does not run without torch"),
        ({"kind": 3}, "it names no kind"),
        ({"sha256": []}, "no hashes of files"),
        ({"pieces": 3}, "its pieces is "),
        ({"convolutions": [[1, 2]]}, "its convolutions are no list"),
    ],
)
def test_a_manifest_that_says_otherwise(copy: Path, change: dict[str, object], said: str) -> None:
    facts = json.loads((copy / "export.json").read_text())
    (copy / "export.json").write_text(json.dumps(facts | change))
    assert said in refused(copy)


def test_without_onnxruntime_the_extra_is_named(live, monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    monkeypatch.setattr(folder, "find_spec", lambda name: None)
    with pytest.raises(RunError, match="extra `export`"):
        load(live.folder)
    with pytest.raises(RunError, match="onnx and onnxruntime: not installed"):
        export(live.run, tmp_path / "out")


# ------------------------------------------------------------------------------------------------ writing


def test_what_is_no_export_is_not_overwritten(live, tmp_path: Path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    with pytest.raises(RunError, match="exists and is no exported model"):
        export(live.run, tmp_path)
    out, commands = export(live.run, tmp_path / "out")
    assert export(live.run, out) == (out, commands), "an earlier export is replaced"
    assert commands == tuple(f"crnn-audio {verb} {out} recording.wav" for verb in ("transcribe", "stream"))
    assert "data/tiny" in (out / "README.md").read_text()


@pytest.mark.parametrize(
    ("kind", "why"),
    [("music", "sampled token by token"), ("memory", "nothing"), ("x", "not know")],
)
def test_what_has_no_exported_form_is_refused_with_the_reason(tmp_path: Path, kind: str, why: str) -> None:
    runs.create(tmp_path / "run", f"task: {{kind: {kind}}}\n", NoAssets(), {"epochs": 1})
    with pytest.raises(RunError, match=f"models for task {kind} are not exported: .*{why}.* Those for recognition, "):
        export(tmp_path / "run", tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_what_sherpa_cannot_run_is_refused_before_anything_is_written(live, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"sherpa-onnx cannot run it: it computes fbank of 80 bins at 16000 Hz"):
        export(live.run, tmp_path / "out", to="sherpa")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("bidirectional", [True, False])
def test_for_sherpa(tmp_path: Path, bidirectional: bool) -> None:
    run = exports.run(tmp_path / "run", bidirectional, text="a b", num_mels=80)
    out, (usage,) = export(run, tmp_path / "out", to="sherpa")
    assert f"--tokens={out}/tokens.txt" in usage
    assert (out / "tokens.txt").read_text(encoding="utf-8") == "<blk> 0\n\u2047 1\n\u2581 2\na 3\nb 4\n"
    facts = {one.key: one.value for one in onnx.load(out / "model.onnx").metadata_props}
    assert facts.get("T") == (None if bidirectional else str(4 * (8 + 2)))
    assert "exported for sherpa-onnx" in refused(out)


# ------------------------------------------------------------------------------------------------ without torch


def test_a_shell_without_torch(live, recordings: list[Path]) -> None:
    code = (
        "import sys, crnn_audio as ca\n"
        f"one = ca.load({str(live.folder)!r})\n"
        f"print(one.transcribe({str(recordings[0])!r}).text)\n"
        "assert not {'torch', 'librosa', 'scipy', 'matplotlib', 'onnx'} & set(sys.modules), sorted(sys.modules)\n"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=dict(os.environ))
    assert done.stderr == ""
    assert done.stdout.strip() == live.eager.transcribe(recordings[0]).text


def test_a_model_of_the_zoo_is_kept_in_its_exported_form(
    live, recordings: list[Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("crnn_audio.runs.ZOO", live.run.parent)
    monkeypatch.setenv(light.CACHE, str(tmp_path))
    made = list[Path]()

    def make(model: Path, out: Path) -> None:
        made.append(export(model, out)[0])

    def opened(device: str = "cpu", which: str = "best") -> ExportedRecognizer | None:
        found = light.exported("run", device, which, make, "recognition")
        return found and ExportedRecognizer(found)

    text = live.eager.transcribe(recordings[0]).text
    assert [opened().transcribe(recordings[0]).text for _ in range(2)] == [text] * 2
    assert len(made) == 1, "once"
    (made[0] / "model.onnx").write_bytes(b"")
    assert opened().transcribe(recordings[0]).text == text
    assert len(made) == 2, "anew where it is damaged"
    assert (opened("cuda"), opened(which="last")) == (None, None)
    monkeypatch.setenv(light.CACHE, "/dev/null")
    assert opened() is None, "a place that cannot be written"
    assert np.all([path.parent == tmp_path / "exported" for path in made])
