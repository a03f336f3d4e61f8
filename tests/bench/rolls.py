"""How fast piano rolls are trained on, against a plain PyTorch script of the published LSTM.

Both train two layers of 200 units on JSB chorales (Bai, Kolter and Koltun 2018) with the same batch and one thread, in
turn, an epoch each a round; the figures are medians over rounds of frames per second.
"""

import statistics
import sys
import time
from collections.abc import Callable, Iterator

import numpy as np
import torch
from torch import Tensor, nn
from torch.nn.utils.rnn import pad_sequence

from crnn_audio.problems import load_recipe
from crnn_audio.problems import rolls as problem
from crnn_audio.symbolic.pianoroll import Roll
from crnn_audio.training import optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.options import Options
from crnn_audio.training.ranks import SINGLE
from crnn_audio.training.step import StepReport, take_step

RECIPE = "jsb/lstm"
RECURRENT = (
    "{cell: lstm, hidden_size: 200, num_layers: 2, projection: false, bidirectional: false, norm: none, dropout: 0.2}"
)
OVERRIDES = ["threads=1", f"model.recurrent={RECURRENT}", "optim.max_epochs=1000", "optim.ema=0"]


class Published(nn.Module):
    """The LSTM of the paper's comparison, as most write it."""

    def __init__(self) -> None:
        super().__init__()
        self.lstm = nn.LSTM(88, 200, num_layers=2, dropout=0.2, batch_first=True)
        self.linear = nn.Linear(200, 88)

    def forward(self, rolls: Tensor) -> Tensor:
        return self.linear(self.lstm(rolls)[0])


def plain(rolls: list[Roll], rows: int) -> Callable[[], float]:
    """An epoch of the plain script: pieces in random order, padded, one Adam step a batch; gives frames per second."""
    model, random = Published(), np.random.default_rng(0)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-3)
    pieces = [torch.from_numpy(roll.astype(np.float32)) for roll in rolls]

    def epoch() -> float:
        started, order = time.perf_counter(), random.permutation(len(pieces))
        for at in range(0, len(order), rows):
            chosen = [pieces[index] for index in order[at : at + rows]]
            padded = pad_sequence(chosen, batch_first=True)
            lengths = torch.tensor([len(piece) - 1 for piece in chosen])
            real = torch.arange(padded.shape[1] - 1) < lengths[:, None]
            optimizer.zero_grad()
            losses = nn.functional.binary_cross_entropy_with_logits(
                model(padded[:, :-1]), padded[:, 1:], reduction="none"
            )
            (losses.sum(dim=-1)[real].sum() / lengths.sum()).backward()
            nn.utils.clip_grad_norm_(model.parameters(), 1.0)
            optimizer.step()
        return sum(len(piece) - 1 for piece in pieces) / (time.perf_counter() - started)

    return epoch


class Watch:
    """Counts frames and seconds, and nothing else."""

    def __init__(self) -> None:
        self.frames = 0.0

    def stepped(self, report: StepReport, progress: Progress) -> None:
        self.frames += report.amount

    def validated(self, *arguments: object) -> None:
        """Nothing is validated."""


def ours() -> tuple[Callable[[], float], list[Roll], int]:
    """An epoch of the toolkit's own loop; the rolls and the rows of a batch that it trains on."""
    recipe = load_recipe(RECIPE, *OVERRIDES)
    data, assets, watch, progress = problem.data(recipe), problem.Assets(), Watch(), Progress()
    task, feed = problem.task(recipe, assets), problem.feed(recipe, data, assets).batches
    optimizer = optim.build_optimizer(task.model, name="adam")
    fields = recipe.optim.model_dump() | recipe.train.model_dump() | {"seed": recipe.seed}
    options = {name: fields[name] for name in Options.__match_args__ if name in fields}

    def epoch() -> float:
        started, before, steps = time.perf_counter(), watch.frames, progress.step
        last = steps + feed.num_steps(progress.epoch)
        carries: dict = {}
        for parts in feed.steps(progress.epoch, 0):
            report = take_step(
                task, parts, carries, 0.0, optimizer, progress, Options(**options), torch.device("cpu"), SINGLE
            )
            progress.step += 1
            watch.stepped(report, progress)
        assert progress.step == last
        progress.epoch += 1
        return (watch.frames - before) / (time.perf_counter() - started)

    return epoch, [piece.roll for piece in data.items["train"]], recipe.data.batch_size


def figures(num_rounds: int) -> dict:
    """Trains both in turn, an epoch a round."""
    epoch, rolls, rows = ours()
    rivals = {"ours": epoch, "plain": plain(rolls, rows)}
    for one in rivals.values():
        one()
    rounds: dict[str, list[float]] = {name: [] for name in rivals}
    for index in range(num_rounds):
        for name, one in rivals.items():
            rounds[name].append(one())
            print(f"round {index + 1}  {name:6}  {rounds[name][-1]:7.0f} frames/s", file=sys.stderr)
    medians = {name: statistics.median(found) for name, found in rounds.items()}
    ratio = statistics.median(one / other for one, other in zip(rounds["ours"], rounds["plain"], strict=True))
    return {**medians, "ratio": ratio}


def lines(found: dict) -> Iterator[str]:
    """The figures for people."""
    for name in ("ours", "plain"):
        yield f"rolls, {name:6}  {found[name]:7.0f} frames a second"
    yield f"ratio {found['ratio']:.2f} (one thread, {RECIPE} with two layers of 200)"
