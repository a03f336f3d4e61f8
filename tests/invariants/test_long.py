"""Recordings of any length: blocks, carried state and joined windows change nothing, and memory does not grow."""

import io
import itertools
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from crnn_audio import audio, runs
from crnn_audio.features import stream as sound_stream
from crnn_audio.hypotheses import Hypothesis, Word
from crnn_audio.inference.speech import joining, long
from crnn_audio.inference.speech.long import LongRecording
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.problems.restore import load
from tests import warm
from tests.invariants.small import TIMES
from tests.invariants.talkative import RATE, offline, recipe, recognizer, sound

FRONT_ENDS = ["fbank", "log_mel", "mfcc", "mel"]
BOTH_WAYS = {"bidirectional": True, "look_ahead": 0}
DIRECTIONS = {"one": {"look_ahead": 2}, "both": BOTH_WAYS}


def wav(waveform: np.ndarray, rate: int = RATE) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, waveform, rate, format="WAV", subtype="FLOAT")
    return file.getvalue()


@torch.inference_mode()
def in_windows(model: Recognizer, content: bytes) -> tuple[torch.Tensor, torch.Tensor]:
    """The likeliest token of each frame and its probability, the long way."""
    with audio.opened(content) as opened:
        recording = LongRecording(model.task, opened, lambda loss: None)
        best, ids = torch.cat(list(long.log_probs_of(recording))).max(dim=-1)
    return ids, best.exp()


@torch.inference_mode()
def at_once(model: Recognizer, waveform: np.ndarray) -> tuple[torch.Tensor, torch.Tensor]:
    best, ids = offline(model.task, torch.from_numpy(waveform).to(next(model.task.parameters()).dtype)).max(dim=-1)
    return ids, best.exp()


@pytest.fixture
def in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is read, in float32, goes on in float64."""
    step = sound_stream.step
    monkeypatch.setattr(
        sound_stream, "step", lambda front, samples, *rest, **options: step(front, samples.double(), *rest, **options)
    )


def timed(word: Word) -> tuple[str, float, float]:
    return word.text, word.start, word.end


def sure(hypothesis: Hypothesis) -> list[float]:
    return [word.confidence for word in hypothesis.words]


def equal(found: tuple[torch.Tensor, torch.Tensor], wanted: tuple[torch.Tensor, torch.Tensor], within: float) -> None:
    assert found[0].tolist() == wanted[0].tolist()
    torch.testing.assert_close(found[1], wanted[1], rtol=0, atol=within)


# ---------------------------------------------------------------------------------------- blocks and carried state


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("normalize", ["global", "none", "utterance"])
@pytest.mark.parametrize("front", FRONT_ENDS)
@pytest.mark.usefixtures("in_double")
def test_in_blocks_every_front_end_and_norm_is_as_at_once(
    monkeypatch, front: str, normalize: str, direction: str
) -> None:
    made = recipe(front, features={"normalize": normalize}, recurrent=DIRECTIONS[direction])
    waveform = sound(1.313)
    model = recognizer(made, double=True, taught=waveform)
    wanted = at_once(model, waveform)
    assert len(wanted[0].unique()) > 3
    within = 1e-5 if normalize == "utterance" else 1e-9  # its statistics are kept in float32
    for seconds in (0.31, 0.0301, 5.0):
        monkeypatch.setattr(joining, "BLOCK", seconds)
        equal(in_windows(model, wav(waveform)), wanted, within)


@pytest.mark.parametrize("direction", DIRECTIONS)
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru"])
@pytest.mark.usefixtures("in_double")
def test_in_blocks_every_cell_and_convolution_is_as_at_once(
    monkeypatch, kind: str, time_padding: str, direction: str
) -> None:
    made = recipe("fbank", kind, conv_time=time_padding, recurrent=DIRECTIONS[direction])
    model, waveform = recognizer(made, double=True), sound(1.313)
    monkeypatch.setattr(joining, "BLOCK", 0.31)
    equal(in_windows(model, wav(waveform)), at_once(model, waveform), 1e-9)


@pytest.mark.parametrize("rate", [7000, 44100])
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_words_times_and_confidences_are_those_of_a_short_recording(monkeypatch, direction: str, rate: int) -> None:
    content = wav(sound(2.7, rate=rate), rate)
    model = recognizer(recipe(recurrent=DIRECTIONS[direction]), taught=audio.read(content, RATE)[0])
    wanted = model.transcribe(content)
    assert len(wanted.words) > 2
    monkeypatch.setattr("crnn_audio.inference.speech.transcription.SHORT", 0.0)
    monkeypatch.setattr(joining, "BLOCK", 0.7)
    found = model.transcribe(content)
    assert (found.text, found.seconds) == (wanted.text, wanted.seconds)
    assert [timed(word) for word in found.words] == [timed(word) for word in wanted.words]
    assert sure(found) == pytest.approx(sure(wanted), rel=1e-4)
    assert found.confidence == pytest.approx(wanted.confidence, rel=1e-4)


# ---------------------------------------------------------------------------------------- windows


def forgetful(model: Recognizer) -> None:
    """An LSTM's forget gates and a GRU's update gates are brought down; both are the second of their gates."""
    for layer in model.task.model.recurrent.layers:
        for direction in (layer.forwards, layer.backwards):
            size = direction.cell.hidden_size
            if direction.cell.mode != "RNN_TANH":
                direction.cell.bias_ih_l0.data[size : 2 * size] -= 2.5


@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru"])
@pytest.mark.usefixtures("in_double")
def test_windows_change_nothing_where_layers_have_forgotten_what_lies_beyond(monkeypatch, kind: str) -> None:
    model, waveform = recognizer(recipe("fbank", kind, recurrent=BOTH_WAYS), double=True), sound(40.0)
    forgetful(model)
    wanted = at_once(model, waveform)
    monkeypatch.setattr(joining, "WINDOW", 10.0)
    monkeypatch.setattr(joining, "CONTEXT", 5.0)
    equal(in_windows(model, wav(waveform)), wanted, 1e-6)
    monkeypatch.setattr(joining, "CONTEXT", 0.08)
    _, probs = in_windows(model, wav(waveform))
    assert (probs - wanted[1]).abs().max() > 1e-3, "these layers remember nothing, so nothing was tested"


@pytest.fixture
def trained() -> Recognizer:
    """A bidirectional model whose blanks mean something: AN4's, where it ships with this version."""
    if (runs.ZOO / "an4").is_dir():
        return load("an4", device="cpu")
    return recognizer(recipe(recurrent=BOTH_WAYS | {"hidden_size": 32}))


def test_on_long_chapters_windows_change_no_word(monkeypatch, trained: Recognizer, corpus: Callable) -> None:
    """With the context as it ships; windows are shorter, so that more of them are joined."""
    chapters = [path for path in sorted((corpus("mini_librispeech") / "longform").glob("*/*")) if path.is_dir()]
    assert len(chapters) == 2
    for chapter in chapters:
        content = wav(np.concatenate([audio.read(path, RATE)[0] for path in sorted(chapter.glob("*.opus"))]))
        monkeypatch.setattr(joining, "WINDOW", 10_000.0)
        whole = trained.transcribe(content)
        assert whole.seconds > 8 * 60
        assert len(whole.words) > 100
        monkeypatch.setattr(joining, "WINDOW", 2 * joining.CONTEXT)
        joined = trained.transcribe(content)
        assert [timed(word) for word in joined.words] == [timed(word) for word in whole.words]
        assert sure(joined) == pytest.approx(sure(whole), abs=0.01)


# ---------------------------------------------------------------------------------------- memory

CHILD = """
import sys
from pathlib import Path
import torch
from crnn_audio.inference.speech import joining
from tests.bench.transcription import peak_bytes
from tests.invariants.talkative import recipe, recognizer
torch.set_num_threads(1)
joining.BLOCK, joining.WINDOW, joining.CONTEXT = 10.0, 40.0, 10.0
model = recognizer(recipe(recurrent={"bidirectional": sys.argv[1] == "both", "look_ahead": 0}))
for path in sys.argv[2:]:
    print(model.transcribe(path).seconds, peak_bytes())
"""


@pytest.mark.skipif(sys.platform != "linux", reason="peak memory is read from /proc, which a GPU needs not")
@pytest.mark.parametrize("direction", DIRECTIONS)
def test_memory_does_not_grow_with_the_recording(tmp_path: Path, direction: str) -> None:
    """Ten times as long, which at the model's rate and in float32 is 69 MB of sound and more of anything else."""
    paths = [tmp_path / "short.wav", tmp_path / "long.wav"]
    piece = sound(10.0, rate=8000)
    for path, minutes in zip(paths, (2, 20), strict=True):
        with soundfile.SoundFile(path, "w", 8000, 1, "PCM_16") as file:
            for _ in itertools.repeat(None, 6 * minutes):
                file.write(piece)
    done = subprocess.run(
        [*warm.python(), "-c", CHILD, direction, *map(str, paths)], capture_output=True, text=True, timeout=250
    )
    assert done.returncode == 0, done.stderr
    (short, first), (longer, second) = (line.split() for line in done.stdout.splitlines())
    assert (float(short), float(longer)) == (120.0, 1200.0)
    assert int(second) - int(first) < 20e6
