"""An exported model of labels says what the run says: segments, onsets and notes, of files, of long ones and live."""

import json
import os
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path

import jaxtyping
import numpy as np
import pytest
import soundfile

from crnn_audio import cli, runs
from crnn_audio.config import load as config
from crnn_audio.errors import DataError, RunError, StreamError
from crnn_audio.features.normalize import Statistics
from crnn_audio.hypotheses import Segment
from crnn_audio.inference import labelling as shared
from crnn_audio.inference.speech import joining
from crnn_audio.problems import labelling
from crnn_audio.problems.exporting import export
from crnn_audio.problems.labelling import Assets
from crnn_audio.problems.opening import load
from tests import exports, labellings
from tests.invariants.small import moved

NOTES = ("task.targets=notes", "model.recurrent.bidirectional=true", "model.recurrent.look_ahead=0")
SHAPES = {
    "segments": (),
    "exclusive": ("task.exclusive=true",),
    "onsets": ("task.targets=onsets",),
    "notes of both directions": NOTES,
}


def made(folder: Path, *overrides: str) -> tuple[Path, Path]:
    """A finished run with random weights whose thresholds lie amid its probabilities, and where it is exported."""
    folder.mkdir(exist_ok=True)
    recipe = labellings.recipe(folder, *overrides)
    bins = recipe.features.num_mels
    assets = Assets(("high", "low"), Statistics((-8.0,) * bins, (3.0,) * bins))
    run = runs.create(folder / "run", config.dump(recipe), assets, {"epochs": 1})
    run.save_weights("best", moved(labelling.task(recipe, assets).model).state_dict())
    run.set_state("finished")
    sound(folder)
    one = load(run.path)
    with soundfile.SoundFile(folder / "sound.wav") as file:
        probs = one.task(labellings.audio(file.read(dtype="float32"))).frames[0].detach().numpy()
    middle = [float(np.median(probs[:, label])) for label in range(2)]
    chosen = replace(one.options, thresholds=tuple(middle), frame_threshold=float(np.median(probs)), median=3, gap=1)
    runs.open_run(run.path).choose(labelling.kept(chosen, assets.labels))
    return run.path, export(run.path, folder / "exported")[0]


def sound(folder: Path) -> np.ndarray:
    samples, _ = labellings.recording(folder / "sound.wav", 5, seconds=6.0)
    return samples


def same(found: list[Segment], wanted: list[Segment]) -> bool:
    return [(one.start, one.end, one.label) for one in found] == [
        (one.start, one.end, one.label) for one in wanted
    ] and [one.confidence for one in found] == pytest.approx([one.confidence for one in wanted], abs=2e-4)


@pytest.mark.parametrize("shape", SHAPES)
def test_it_says_what_the_run_says(tmp_path: Path, shape: str, monkeypatch: pytest.MonkeyPatch) -> None:
    run, out = made(tmp_path, *SHAPES[shape])
    eager, exported = load(run), load(out)
    assert (exported.labels, exported.options) == (eager.labels, eager.options)
    assert exported.frame_seconds == eager.frame_seconds
    file = tmp_path / "sound.wav"
    wanted = eager.label(file)
    assert len(wanted) > 2
    assert same(exported.label(file), wanted)
    monkeypatch.setattr(joining, "BLOCK", 0.31)
    assert same(exported.label(file), wanted), "block by block"
    samples = soundfile.read(file, dtype="float32")[0]
    if "both" in shape:
        with pytest.raises(StreamError, match="bidirectional and cannot stream"):
            exported.stream(8000)
        return
    for size in (700, 30_000):
        found = []
        with exported.stream(8000) as live:
            for at in range(0, len(samples), size):
                found += live.feed(samples[at : at + size]).finals
            found += live.flush().finals
        assert same(sorted(found), wanted)


def test_windows_of_a_bidirectional_one_are_joined(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    run, out = made(tmp_path, *NOTES)
    monkeypatch.setattr(joining, "BLOCK", 0.5)
    for engine in ("labeller", "exported.labeller"):
        monkeypatch.setattr(f"crnn_audio.inference.{engine}.WINDOW", 2.0)
        monkeypatch.setattr(f"crnn_audio.inference.{engine}.CONTEXT", 1.5)
    assert shared.WINDOW > 60
    seconds = list[float]()
    found = load(out).labelled(tmp_path / "sound.wav", progress=seconds.append)
    assert len(seconds) > 2
    assert same(list(found.segments), load(run).label(tmp_path / "sound.wav"))


def test_a_shell_without_torch(tmp_path: Path) -> None:
    run, out = made(tmp_path)
    code = (
        "import sys\n"
        "sys.argv[1:] = ['label', sys.argv[1], sys.argv[2], '--minimum-note-length', '0.02', '--format', 'json']\n"
        "from crnn_audio import cli\n"
        "try: cli.main()\n"
        "finally: assert not {'torch', 'librosa', 'scipy', 'matplotlib', 'onnx'} & set(sys.modules)\n"
    )
    command = [sys.executable, "-c", code, str(out), str(tmp_path / "sound.wav")]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert done.stderr == ""
    eager = load(run)
    options = replace(eager.options, minimum=max(round(0.02 / eager.frame_seconds), 1))
    wanted = eager.label(tmp_path / "sound.wav", options)
    found = [
        Segment(one["start"], one["end"], one["label"], one["confidence"])
        for one in json.loads(done.stdout)["segments"]
    ]
    assert same(found, wanted)


def test_verbs_that_use_a_folder(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """`stream` of it, and `transcribe --vad` with it, print what they print of the run."""
    monkeypatch.setattr(jaxtyping.config, "jaxtyping_disable", True)  # which takes the console for no text stream
    run, out = made(tmp_path)
    speech = exports.run(tmp_path / "speech", bidirectional=False)
    recording = str(tmp_path / "sound.wav")

    def printed(*words: str) -> str:
        monkeypatch.setattr("sys.argv", ["crnn-audio", *words, "--device", "cpu"])
        with pytest.raises(SystemExit) as ended:
            cli.main()
        assert not ended.value.code
        return capsys.readouterr().out

    lines = [printed("stream", str(model), recording, "--json").splitlines() for model in (run, out)]
    by_run, by_folder = ([Segment(**json.loads(line)) for line in some] for some in lines)
    assert len(by_run) > 2
    assert same(by_folder, by_run)
    command = ("transcribe", str(speech), recording, "--format", "json", "--vad")
    said = printed(*command, str(run))
    assert json.loads(said)[0]["text"]
    assert printed(*command, str(out)) == said


def test_errors(tmp_path: Path) -> None:
    run, out = made(tmp_path)
    soundfile.write(tmp_path / "short.wav", np.zeros(3), 8000)
    for name in ("none.wav", "short.wav"):
        with pytest.raises(DataError) as wanted:
            load(run).label(tmp_path / name)
        with pytest.raises(DataError) as found:
            load(out).label(tmp_path / name)
        assert str(found.value) == str(wanted.value)
    with pytest.raises(RunError, match="sherpa-onnx runs recognisers of speech alone"):
        export(run, tmp_path / "sherpa", to="sherpa")
    assert not (tmp_path / "sherpa").exists()
    manifest = out / "export.json"
    facts = json.loads(manifest.read_text())
    events = asdict(load(run).options)
    for wrong in ({}, events | {"thresholds": [0.5]}, events | {"median": "x"}, events | {"more": 1}):
        manifest.write_text(json.dumps(facts | {"events": wrong}))
        with pytest.raises(RunError, match="its events are no options of events"):
            load(out)
