"""Law 6 for processes: several take the steps of one, a run goes on with any number, and none dies unheard."""

import json
import os
import shutil
import signal
from collections.abc import Callable
from pathlib import Path

import pytest
import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from crnn_audio import runs
from crnn_audio.batching.loader import Cuts
from crnn_audio.errors import DataError
from crnn_audio.problems import recognition
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.training import checkpoint, diagnostics, display, loop, optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.options import Options
from crnn_audio.training.ranks import SINGLE, Ranks, initialized
from tests import trainings
from tests.several import Ended, program, together
from tests.trainings import die, quietly

LOST = "another of the 2 processes that train together has died"


@pytest.fixture(scope="module")
def root(tmp_path_factory) -> Path:
    return trainings.corpus(tmp_path_factory.mktemp("ranks") / "corpus", train=7, dev=2)


@pytest.fixture(autouse=True)
def _here(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)
    monkeypatch.setattr(display, "_tensorboard", lambda _: None)


# ---------------------------------------------------------------------------------------- the same steps

OPTIONS = Options(
    max_epochs=2, lr=1e-2, schedule="one_cycle", warmup=0.2, plateau_patience=1, clip_norm=1.0, clip_value=None,
    eval_epochs=1, early_stopping=0, checkpoint_steps=0, seed=1,
)  # fmt: skip
WAYS = {
    "plain": {},
    "all that is sampled but dropout": {
        "augment.spec_augment": {"time_width": 5, "freq_width": 5},
        "augment.speed": [0.9, 1.1],
        "augment.noise": {"probability": 0.7},
        "augment.gain_db": 6.0,
        "task.consistency": 0.3,
    },
    "parts and inner heads": {"data.accumulate": 2, "task.intermediate": 0.3, "model.recurrent.num_layers": 2},
}


def exactly(recipe, ranks: Ranks) -> tuple[dict[str, Tensor], list[float]]:
    """Averaged weights, and loss and gradient norm of each step, of a training in float64 behind the features."""
    data, assets = trainings.read(recipe)
    task = recognition.task(recipe, assets)
    task.model.double()
    single = task.features
    task.features = lambda audio: (single(audio)[0].double(), single(audio)[1])
    feed = recognition.feed(recipe, data, assets, ranks.rank, ranks.count).batches
    recorder, average = trainings.Recorder(), optim.AveragedWeights(task.model, 0.9)
    loop.train(
        task,
        feed,
        optim.build_optimizer(task.model, name="sgd", lr=1e-2, momentum=0.9),
        average,
        Progress(),
        OPTIONS,
        total_steps=2 * feed.num_steps(0),
        device=torch.device("cpu"),
        validate=None,
        keep_best=lambda scores: None,
        checkpoint_path=Path("checkpoint.safetensors"),
        observer=recorder,
        stop=lambda: False,
        ranks=ranks,
    )
    figures = [[one.loss, one.gradient_norm, one.amount] for one in recorder.reports]
    return average.weights | {f"raw.{name}": value for name, value in task.model.state_dict().items()}, figures


@pytest.mark.parametrize(("way", "count"), [*((way, 2) for way in WAYS), ("plain", 3)])
def test_several_take_the_steps_of_one(root, tmp_path, way, count) -> None:
    """With batches of one cut too, of which the others have none."""
    changes = {"features.normalize": "utterance", "data.batch_seconds": 1.1, "optim.max_epochs": 2}
    recipe = trainings.small(root, changes | WAYS[way])

    def work(rank: int) -> None:
        with initialized() as ranks:
            assert (ranks.rank, ranks.count) == (rank, count)
            weights, figures = exactly(recipe, ranks)
        save_file(weights, f"weights-{rank}.safetensors")
        Path(f"figures-{rank}.json").write_text(json.dumps(figures))

    ended = together(count, work, tmp_path)
    assert ended.codes == [0] * count, ended.said
    weights, figures = exactly(recipe, SINGLE)
    assert any(len(batch) < count for epoch in range(2) for batch in feed_of(recipe).plan(epoch)), "no share is empty"
    for rank in range(count):
        found = load_file(f"weights-{rank}.safetensors")
        for name, value in weights.items():
            torch.testing.assert_close(found[name], value, rtol=1e-9, atol=1e-9)
        for ours, theirs in zip(json.loads(Path(f"figures-{rank}.json").read_text()), figures, strict=True):
            assert ours == pytest.approx(theirs, rel=1e-9)
    initial = trainings.untrained(recipe).model
    moved = [(weights[f"raw.{name}"] - value).abs().max() for name, value in initial.state_dict().items()]
    assert max(moved) > 1e-3


def feed_of(recipe):
    return recognition.feed(recipe, *trainings.read(recipe)).batches


def test_each_process_has_dropout_of_its_own(root, tmp_path) -> None:
    recipe = trainings.small(root, {"optim.max_epochs": 2, "data.batch_seconds": 1.1, "data.accumulate": 2})

    def work(rank: int) -> None:
        sampled, loss = [], Recognition.loss

        def noted(task, batch) -> Tensor:
            sampled.append(float(torch.rand(())))
            return loss(task, batch)

        Recognition.loss = noted
        quietly(recipe, tmp_path / "run")
        Path(f"sampled-{rank}").write_text(str(sampled))

    assert together(2, work, tmp_path).codes == [0, 0]
    first, second = (json.loads(Path(f"sampled-{rank}").read_text()) for rank in range(2))
    assert len({*first, *second}) == len(first) + len(second) == 14


# ---------------------------------------------------------------------------------------- whole runs, stopped or not

WHOLE = {
    "optim.ema": 0.9, "optim.schedule": "plateau", "optim.plateau_patience": 1, "train.checkpoint_steps": 1,
    "augment.speed": [0.9, 1.1], "data.batch_seconds": 1.1,
}  # fmt: skip
RANDOM = trainings.EVERYTHING_RANDOM | {"train.checkpoint_steps": 1}


def train_together(
    count: int, root: Path, out: str, *words: str, changes: dict | None = None, first: Callable[[int], object] = int
) -> Ended:
    """`crnn-audio train` in several processes, after each has called `first`."""
    recipe = Path("small.yaml")
    recipe.write_text(json.dumps(trainings.small(root, changes or WHOLE).model_dump(mode="json")))

    def work(rank: int) -> None:
        first(rank)
        program("train", str(recipe), "--out", out, *words)

    return together(count, work, Path())


def after_step(step: int, what: Callable[[], object]) -> None:
    """Calls `what` at the end of an update in this process, whether it shows its steps or not."""
    original = loop.take_step

    def step_and_more(task, parts, carries, waited, optimizer, progress, *rest):
        report = original(task, parts, carries, waited, optimizer, progress, *rest)
        if progress.step == step:
            what()
        return report

    loop.take_step = step_and_more


def losses(out: str) -> list[float]:
    return [entry["loss"] for entry in trainings.log_of(Path(out), "step")]


def processes(out: str) -> list[int]:
    return [entry["processes"] for entry in trainings.log_of(Path(out), "step")]


@pytest.fixture(scope="module")
def alone(root, tmp_path_factory) -> Path:
    """The run of one process."""
    folder = tmp_path_factory.mktemp("alone")
    with pytest.MonkeyPatch.context() as patch:
        patch.chdir(folder)
        patch.setattr(display, "plot_curves", lambda *_: None)
        quietly(trainings.small(root, WHOLE), folder / "run")
    rates = {entry["lr"] for entry in trainings.log_of(folder / "run", "step")}
    assert len(rates) == 2, "the plateau is to be reached, which the first alone notices"
    return folder / "run"


def assert_same_course(out: str, alone: Path) -> None:
    """Within float32."""
    assert losses(out) == pytest.approx(losses(str(alone)), rel=1e-4)
    dev, wanted = trainings.log_of(Path(out), "dev"), trainings.log_of(alone, "dev")
    assert [entry["loss"] for entry in dev] == pytest.approx([entry["loss"] for entry in wanted], rel=1e-4)
    assert [entry["best"] for entry in dev] == [entry["best"] for entry in wanted]
    weights = load_file(alone / "last.safetensors")
    for name, value in load_file(Path(out) / "last.safetensors").items():
        torch.testing.assert_close(value, weights[name], rtol=0, atol=1e-4)


def test_a_whole_run_of_two_is_the_run_of_one_and_says_that_they_were_two(root, alone) -> None:
    ended = train_together(2, root, "two")
    assert ended.codes == [0, 0], ended.said
    assert_same_course("two", alone)
    assert set(processes("two")) == {2}
    assert json.loads(Path("two/run.json").read_text())["processes"] == 2
    assert "two: 2 processes train together." in ended.said[0]
    assert ended.said[0].count("two: finished (steps") == 1
    assert ended.said[1] == ""
    assert {path.name for path in Path("two").iterdir()} == {path.name for path in alone.iterdir()} - {"tensorboard"}
    again = train_together(2, root, "two")
    assert again.codes == [0, 0]
    assert "was finished before" in again.said[0]
    assert again.said[1] == ""


@pytest.mark.parametrize(("before", "dead", "after"), [(1, 0, 2), (2, 0, 1), (2, 1, 1)])
def test_killed_it_goes_on_with_more_or_fewer(root, alone, before, dead, after) -> None:
    ended = train_together(before, root, "run", first=lambda rank: after_step(3, die if rank == dead else int))
    assert ended.codes[dead] == -signal.SIGKILL
    if before > 1:
        assert ended.codes[1 - dead] == 5
        assert ended.said[1 - dead].count(LOST) == 1
        assert "Traceback" not in "".join(ended.said)
    assert "last" not in {path.stem for path in Path("run").iterdir()}
    ended = train_together(after, root, "run")
    assert ended.codes == [0] * after, ended.said
    assert "run: resumed after step 3" in ended.said[0]
    assert_same_course("run", alone)
    assert processes("run") == [before] * 3 + [after] * (len(processes("run")) - 3)


@pytest.mark.parametrize("count", [2, 3])
def test_killed_and_gone_on_with_by_as_many_the_bits_are_the_same(root, tmp_path, count) -> None:
    """Three, because PyTorch's DDP, which orders its sums anew after a first step, keeps them for two alone."""
    assert train_together(count, root, "whole", changes=RANDOM).codes == [0] * count
    ended = train_together(count, root, "run", changes=RANDOM, first=lambda rank: after_step(4, [int, die][rank == 1]))
    assert ended.codes[1] == -signal.SIGKILL
    assert train_together(count, root, "run", changes=RANDOM).codes == [0] * count
    assert trainings.log_of(Path("run")) == trainings.log_of(Path("whole"))
    assert trainings.same_bytes(Path("run"), Path("whole"))


def test_with_processes_that_read_ahead_too(root) -> None:
    """They must not hold the connections of the dead."""
    reading = {"data.workers": 1}
    ended = train_together(2, root, "run", changes=WHOLE | reading, first=lambda rank: after_step(2, [int, die][rank]))
    assert ended.codes == [5, -signal.SIGKILL]
    assert ended.said[0].count(LOST) == 1
    assert "Traceback" not in "".join(ended.said)


# ---------------------------------------------------------------------------------------- stopped


@pytest.mark.parametrize(("whom", "number"), [(0, signal.SIGTERM), (1, signal.SIGINT)])
def test_a_signal_to_one_stops_all_after_the_same_step(root, alone, whom, number) -> None:
    def first(rank: int) -> None:
        after_step(2, (lambda: signal.raise_signal(number)) if rank == whom else int)

    ended = train_together(2, root, "run", first=first)
    assert ended.codes == [130, 130]
    assert "run: stopped and saved (steps 3, " in ended.said[0]
    assert "\n  torchrun --standalone --nproc-per-node 2 -m crnn_audio train small.yaml --out run\n" in ended.said[0]
    assert ended.said[1] == ""
    assert train_together(2, root, "run").codes == [0, 0]
    assert_same_course("run", alone)


def test_minutes_stop_all_after_the_same_step(root, alone) -> None:
    ended = train_together(2, root, "run", "--minutes", "0")
    assert ended.codes == [0, 0]
    assert "run: stopped and saved (steps 1, " in ended.said[0]
    assert ended.said[1] == ""
    assert train_together(1, root, "run").codes == [0]
    assert_same_course("run", alone)


# ---------------------------------------------------------------------------------------- what goes wrong in one


def assert_said_once(ended: Ended, message: str) -> None:
    assert "".join(ended.said).count(message) == 1, ended.said
    assert "".join(ended.said).count("Traceback") == 0
    assert LOST not in "".join(ended.said)


@pytest.mark.parametrize("whom", [0, 1])
def test_a_file_that_one_cannot_read_is_said_once(root, whom) -> None:
    def first(rank: int) -> None:
        def refuse() -> None:
            def unreadable(*_):
                raise DataError("cut 'train-0': broken.")

            Cuts._waveform = unreadable

        after_step(2, refuse if rank == whom else int)

    ended = train_together(2, root, "run", first=first)
    assert_said_once(ended, "cut 'train-0': broken.")
    assert ended.codes[whom] == 4
    assert ended.codes[1 - whom] == 5


def test_a_loss_that_explodes_in_one_names_the_cuts_of_all(root) -> None:
    def first(rank: int) -> None:
        original = Recognition.loss
        factor = float("nan") if rank else 1.0
        Recognition.loss = lambda task, batch: original(task, batch) * factor

    ended = train_together(2, root, "run", changes={"data.batch_seconds": 9.0}, first=first)
    assert ended.codes == [5, 5]
    assert_said_once(ended, "step 0 (epoch 1): the loss is nan")
    assert all(f"train-{index}" in "".join(ended.said) for index in range(7))


def test_a_bug_in_one_is_one_traceback(root) -> None:
    ended = train_together(2, root, "run", first=lambda rank: after_step(2, [int, lambda: [][1]][rank]))
    assert ended.codes == [5, 1]
    assert "IndexError" in ended.said[1]
    assert "".join(ended.said).count("Traceback") == 1
    assert LOST not in "".join(ended.said)


def test_only_the_first_writes_and_a_full_disk_is_said_once(root) -> None:
    def first(rank: int) -> None:
        def full(*_, **__):
            raise OSError(28, os.strerror(28))

        if rank == 0:
            runs.Run.set_state = full  # the last thing that is written
            return
        for owner, name in ((checkpoint, "save"), (runs.Run, "save_weights"), (runs, "create")):
            setattr(owner, name, lambda *_: die())
        diagnostics.Log.add = diagnostics.Log.cut_back = lambda *_: die()

    ended = train_together(2, root, "run", first=first)
    assert ended.codes == [5, 5]
    assert_said_once(ended, "run: cannot be written (No space left on device)")


def test_a_mistake_in_the_recipe_or_the_corpus_is_said_once(root, tmp_path) -> None:
    ended = train_together(2, root, "run", "optim.lr=fast")
    assert ended.codes == [3, 3]
    assert_said_once(ended, "optim.lr")
    copy = Path(shutil.copytree(root, tmp_path / "copy"))
    (copy / "train.jsonl").unlink()
    ended = train_together(2, copy, "run")
    assert ended.codes[0] == 4
    assert_said_once(ended, "train.jsonl")
    assert not Path("run").exists()


def test_who_sees_another_corpus_cannot_take_part(root, tmp_path) -> None:
    copy = Path(shutil.copytree(root, tmp_path / "copy"))

    def first(rank: int) -> None:
        original = recognition.feed

        def other(recipe, data, *rest):
            if rank:
                data.items["train"].pop()
            return original(recipe, data, *rest)

        recognition.feed = other

    ended = train_together(2, copy, "run", first=first)
    assert ended.codes == [5, 5]
    assert_said_once(ended, "the 2 processes see different training data. All need the same folders.")
