"""What tests of training share: a corpus of beeps, a recipe as small as can be, and trainings that are killed."""

import copy
import json
import os
import signal
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
import torch._dynamo  # noqa: F401 - every optimizer imports it, in forked processes each time anew

from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut, Recording
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.schema import Recipe
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import Data, recognition
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import display
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.run import Trained, train
from crnn_audio.training.step import StepReport

ROOT = Path(__file__).resolve().parent.parent
RATE = 8000
SMALL = {
    "task": {"kind": "recognition"},
    "data": {"corpus": "manifests", "batch_seconds": 2.0, "workers": 0},
    "features": {"kind": "fbank", "sample_rate": RATE, "num_mels": 12},
    "model": {
        "conv": [{"channels": 2, "stride": [2, 2]}, {"channels": 2, "stride": [2, 2]}],
        "recurrent": {"hidden_size": 8, "num_layers": 1, "dropout": 0.0},
    },
    "optim": {"lr": 3e-3, "max_epochs": 3},
    "device": "cpu",
    "threads": 1,
}
EVERYTHING_RANDOM = {
    "task.consistency": 0.2,
    "task.intermediate": 0.3,
    "data.accumulate": 2,
    "augment.speed": [0.9, 1.0, 1.1],
    "augment.gain_db": 6.0,
    "augment.noise": {"probability": 0.7},
    "augment.reverberation": {"probability": 0.5},
    "augment.spec_augment": {"start_epoch": 1, "time_width": 4, "freq_width": 4},
    "model.conv_dropout": 0.1,
    "model.recurrent.num_layers": 2,
    "model.recurrent.dropout": 0.3,
    "optim.ema": 0.9,
}
"""What could go another way after a kill, all at once."""


def beep(folder: Path, name: str, text: str, seconds: float, rate: int = RATE) -> Cut:
    """A recording in which every character is a tone, at its own pitch."""
    generator = np.random.default_rng(sum(map(ord, name + text)))
    samples = round(seconds * rate)
    pitch = np.repeat([200 + 37.0 * (ord(one) % 32) for one in text or "a"], -(-samples // max(len(text), 1)))[:samples]
    wave = 0.3 * np.sin(2 * np.pi * np.cumsum(pitch) / rate) + 0.01 * generator.standard_normal(samples)
    soundfile.write(folder / f"{name}.wav", wave, rate, subtype="PCM_16")
    return manifests.whole(Recording(name, folder / f"{name}.wav", rate, samples), text, "someone")


def corpus(folder: Path, train: int = 10, dev: int = 3, test: int = 0) -> Path:
    """Manifests and recordings of 0.3 to 0.6 seconds, in a new folder."""
    folder.mkdir(parents=True)
    generator = np.random.default_rng(0)
    counts = {"train": train, "dev": dev} | ({"test": test} if test else {})
    for split, count in counts.items():
        texts = ["".join(generator.choice(list("abc "), 4)).strip() or "a" for _ in range(count)]
        seconds = generator.uniform(0.3, 0.6, count).round(4)
        cuts = [
            beep(folder, f"{split}-{n}", text, long) for n, (text, long) in enumerate(zip(texts, seconds, strict=True))
        ]
        manifests.save(cuts, folder / f"{split}.jsonl")
    return folder


def small(root: Path, changes: dict[str, Any] | None = None) -> Recipe:
    """A recipe over the manifests in `root`, changed by {"optim.lr": 1e-3}."""
    fields: dict[str, Any] = json.loads(json.dumps(SMALL))
    fields["data"]["root"] = str(root)
    return RecognitionRecipe.model_validate(changed(fields, changes or {}))


def read(recipe: Recipe) -> tuple[Data, recognition.Assets]:
    """The data of such a recipe, and its tokens; there are no statistics, so its features are not normalised by any."""
    data = recognition.data(recipe)
    return data, recognition.Assets(Vocabulary.build([cut.text for cut in data.items["train"]], "characters"), None)


def untrained(recipe: Recipe) -> Recognition:
    """The initial model of such a recipe."""
    return recognition.task(recipe, read(recipe)[1])


def changed(fields: dict[str, Any], changes: dict[str, Any]) -> dict[str, Any]:
    """A copy of nested fields with some of them set anew."""
    fields = copy.deepcopy(fields)
    for path, value in changes.items():
        *sections, name = path.split(".")
        inside = fields
        for section in sections:
            inside = inside.setdefault(section, {})
        inside[name] = value
    return fields


def quietly(recipe: Recipe, out: Path, **options: Any) -> tuple[Trained, list[str]]:
    """Trains and gives what was said besides the display."""
    said: list[str] = []
    return train(recipe, out, report=said.append, **options), said


class Recorder:
    """An observer that keeps what the loop reports."""

    def __init__(self) -> None:
        self.reports: list[StepReport] = []
        self.scores: list[tuple[Scores, bool]] = []

    def stepped(self, report: StepReport, progress: Progress) -> None:
        """One update is done."""
        self.reports.append(report)

    def validated(self, scores: Scores, progress: Progress, best: bool) -> None:
        """One pass over dev is done."""
        self.scores.append((scores, best))


def log_of(out: Path, event: str | None = None, *, timeless: bool = True) -> list[dict[str, Any]]:
    """The log's entries; `timeless` ones hold nothing that a clock said."""
    entries = [json.loads(line) for line in (out / "log.jsonl").read_text(encoding="utf-8").splitlines()]
    clock = {"wait_seconds", "step_seconds"} if timeless else set()
    return [
        {name: value for name, value in entry.items() if name not in clock}
        for entry in entries
        if event in (None, entry["event"])
    ]


def die() -> None:
    """As a power cut would have it: nothing is cleaned up."""
    os.kill(os.getpid(), signal.SIGKILL)


def in_child(work: Callable[[], object]) -> int:
    """Runs `work` in a forked process, which shares nothing written; gives its exit code, or minus a signal."""
    child = os.fork()
    if child:
        _, status = os.waitpid(child, 0)
        return os.waitstatus_to_exitcode(status)
    try:
        work()
        os._exit(0)
    except BaseException:
        os._exit(99)


def killed_after_steps(recipe: Recipe, out: Path, steps: int) -> bool:
    """Trains in a child that dies as soon as `steps` steps of its own are logged; False if it ended before."""

    def work() -> None:
        left, stepped = [steps], display.Display.stepped

        def stepped_and_died(self: display.Display, *arguments: Any) -> None:
            stepped(self, *arguments)
            left[0] -= 1
            if left[0] == 0:
                die()

        display.Display.stepped = stepped_and_died  # type: ignore[method-assign]
        quietly(recipe, out)

    return _was_killed(in_child(work))


def _was_killed(code: int) -> bool:
    assert code in (0, -signal.SIGKILL), f"the training child ended with {code}"
    return code == -signal.SIGKILL


def same_bytes(one: Path, other: Path, names: Sequence[str] = ("best.safetensors", "last.safetensors")) -> bool:
    """Whether two run directories hold the same weights, bit for bit."""
    return all((one / name).read_bytes() == (other / name).read_bytes() for name in names)
