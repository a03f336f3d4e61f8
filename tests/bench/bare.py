"""`python -m tests.bench.bare`: the share of a bare step's speed that a training step reaches; made for a GPU.

The bare step is a plain loop on one batch of features that lies on the device: the recipe's convolutions and head
around PyTorch's own recurrent layers, all in one call (cuDNN's on a GPU) without packing, norms or reversing, then CTC,
backward and AdamW. A training step is `training.loop` on batches from the loader, with all that the recipe asks for but
the second view. Rounds of both alternate; rates are medians over rounds of utterance-seconds per second.
"""

import argparse
import itertools
import json
import math
import statistics
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import torch
import torch.nn.functional as F
from torch import Tensor, nn

from crnn_audio import hardware
from crnn_audio.batching.loader import SpeechFeed, batches
from crnn_audio.config.schema import Recipe
from crnn_audio.config.sections import Model
from crnn_audio.errors import CrnnAudioError
from crnn_audio.models.heads import CtcHead
from crnn_audio.models.recurrent import CELLS
from crnn_audio.problems import load_recipe, parts, recognition
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.training import loop, optim
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.options import Options
from crnn_audio.training.run import device_name
from crnn_audio.training.step import StepReport
from crnn_audio.types import SpeechBatch
from tests.bench.training import assets_of

RECIPE = "an4/bilstm"
OVERRIDES = ["task.consistency=0"]
"""Two views of an utterance would be two batches' work for one batch's seconds."""
LITTLE = "no GPU here: on the CPU the figure says little"
WARM_UP = 3
"""Steps at the beginning of a round that are not measured: readers start, a GPU's clocks rise."""


class Bare(nn.Module):
    """Convolutions, PyTorch's recurrent layers in one call, head; what is past a length goes in with the rest."""

    def __init__(self, recipe: Model, num_features: int, num_tokens: int) -> None:
        super().__init__()
        layers = recipe.recurrent
        self.front = parts.conv_front(recipe, num_features)
        self.projection = nn.Linear(self.front.output_size, layers.hidden_size)
        self.recurrent = CELLS[layers.cell](
            layers.hidden_size,
            layers.hidden_size,
            layers.num_layers,
            batch_first=True,
            dropout=layers.dropout if layers.num_layers > 1 else 0.0,
            bidirectional=layers.bidirectional,
        )
        self.head = CtcHead(layers.hidden_size * (2 if layers.bidirectional else 1), num_tokens)

    def forward(self, features: Tensor, lengths: Tensor) -> Tensor:
        encoded = self.front(features, lengths)
        frames, _ = self.recurrent(self.projection(encoded.frames))
        return self.head(frames, encoded.lengths)


class Endless:
    """A feed of one epoch that never ends, in the recipe's order from its second epoch on, when all masks are on."""

    def __init__(self, feed: SpeechFeed, recipe: Recipe) -> None:
        self.feed = feed
        masks = recipe.augment.spec_augment
        self.first = max(1, masks.start_epoch if masks else 0)

    def steps(self, epoch: int, start: int) -> Iterator[Sequence[SpeechBatch]]:
        for later in itertools.count(self.first):
            yield from self.feed.steps(later, 0)


class Clock:
    """An observer that measures so many steps after the first `WARM_UP`."""

    def __init__(self, steps: int, device: torch.device) -> None:
        self.steps, self.device = steps, device
        self.count, self.started, self.spent = 0, 0.0, 0.0
        self.seconds = self.padded = self.waited = 0.0

    def stepped(self, report: StepReport, progress: Progress) -> None:
        self.count += 1
        if self.count > WARM_UP:
            self.seconds += report.amount
            self.padded += report.padded_amount
            self.waited += report.wait_seconds
        if self.count == WARM_UP:
            self.started = now(self.device)
        if self.done():
            self.spent = now(self.device) - self.started

    def validated(self, *arguments: object) -> None:
        raise AssertionError("nothing is validated here")

    def done(self) -> bool:
        return self.count == WARM_UP + self.steps

    def figures(self) -> dict[str, float]:
        rate, wait = self.seconds / self.spent, self.waited / self.spent
        return {"rate": rate, "wait": wait, "padding": 1 - self.seconds / self.padded}


def now(device: torch.device) -> float:
    """Seconds, when all that a GPU was given to do is done; on a CPU those of this process, whatever else runs."""
    if device.type == "cuda":
        torch.cuda.synchronize(device)
        return time.perf_counter()
    return time.process_time()


def bare_round(recipe: Recipe, feed: SpeechFeed, task: Recognition, device: torch.device) -> Callable[[int], dict]:
    """A function that measures so many bare steps, on the training batch of median length."""
    plan = sorted(feed.plan(1), key=lambda batch: max(entry.duration for entry in batch))
    (batch,) = batches(feed.cuts, [(1, plan[len(plan) // 2])])
    features, lengths = task.features(batch.to(device).audio)
    targets = batch.targets.tokens.to(device)
    model = Bare(recipe.model, features.shape[2], len(task.vocabulary)).to(device).train()
    optimizer = torch.optim.AdamW(model.parameters(), lr=recipe.optim.lr)
    num_frames = tuple(model.front.output_lengths(lengths).tolist())  # on the CPU, where CTC wants them
    num_tokens = tuple(batch.targets.lengths.tolist())

    def step() -> None:
        optimizer.zero_grad(set_to_none=True)
        with torch.autocast(device.type, torch.bfloat16, enabled=recipe.precision == "bf16"):
            log_probs = model(features, lengths)
        F.ctc_loss(log_probs.transpose(0, 1), targets, num_frames, num_tokens).backward()
        optimizer.step()

    def measure(steps: int) -> dict:
        for _ in range(WARM_UP):
            step()
        started = now(device)
        for _ in range(steps):
            step()
        return {"rate": steps * batch.amount / (now(device) - started)}

    return measure


def our_round(recipe: Recipe, feed: SpeechFeed, task: Recognition, device: torch.device) -> Callable[[int], dict]:
    """A function that measures so many steps of the training loop."""
    endless = Endless(replace(feed, pin_memory=device.type == "cuda"), recipe)
    optimizer = optim.build_optimizer(task.model, lr=recipe.optim.lr)
    average = optim.AveragedWeights(task.model, recipe.optim.ema) if recipe.optim.ema else None
    options = Options(
        max_epochs=1, lr=recipe.optim.lr, schedule="constant", warmup=0.0, plateau_patience=1,
        clip_norm=recipe.optim.clip_norm, clip_value=recipe.optim.clip_value, eval_epochs=1, early_stopping=0,
        checkpoint_steps=0, seed=recipe.seed, checkpoint_seconds=math.inf,
    )  # fmt: skip

    def measure(steps: int) -> dict:
        clock = Clock(steps, device)
        with tempfile.TemporaryDirectory() as folder:
            loop.train(
                task, endless, optimizer, average, Progress(), options, total_steps=WARM_UP + steps, device=device,
                validate=None, keep_best=lambda scores: None, checkpoint_path=Path(folder) / "checkpoint.safetensors",
                observer=clock, stop=clock.done,
            )  # fmt: skip
        return clock.figures()

    return measure


def figures(recipe: Recipe, device: torch.device, num_rounds: int, steps: int) -> dict:
    """Both measured in turn; `share` is the median of the rounds' own shares."""
    data = recognition.data(recipe)
    assets = assets_of(recipe, data)
    feed, task = recognition.feed(recipe, data, assets).batches, recognition.task(recipe, assets).to(device)
    measures = {"ours": our_round(recipe, feed, task, device), "bare": bare_round(recipe, feed, task, device)}
    rounds: dict[str, list[dict]] = {name: [] for name in measures}
    for index in range(num_rounds):
        for name, measure in measures.items():
            rounds[name].append(measure(steps))
            print(f"round {index + 1}  {name}  {rounds[name][-1]['rate']:8.1f} s/s", file=sys.stderr)
    medians = {
        name: {figure: statistics.median(one[figure] for one in found) for figure in found[0]}
        for name, found in rounds.items()
    }
    shares = [ours["rate"] / bare["rate"] for ours, bare in zip(rounds["ours"], rounds["bare"], strict=True)]
    facts = {"device": device_name(device), "precision": recipe.precision, "batch_seconds": recipe.data.batch_seconds}
    return {**facts, **medians, "share": statistics.median(shares)}


def lines(found: dict) -> Iterator[str]:
    """The figures for people."""
    ours = found["ours"]
    yield (
        f"a training step  {ours['rate']:8.1f} utterance-seconds a second, data wait {ours['wait']:.1%}, "
        f"padding {ours['padding']:.1%}"
    )
    yield f"a bare step      {found['bare']['rate']:8.1f} utterance-seconds a second"
    yield f"share {found['share']:.2f} ({found['device']}, {found['precision']}, {found['batch_seconds']:g} s a batch)"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.bare", description=__doc__)
    parser.add_argument("recipe", nargs="?", default=RECIPE, help=f"a recipe's name or file ({RECIPE})")
    parser.add_argument("overrides", nargs="*", help="data.batch_seconds=300 and the like")
    parser.add_argument("--device", default="auto", help="auto (a GPU or nothing), cuda or cpu")
    parser.add_argument("--rounds", type=int, default=5, help="of each of the two (5)")
    parser.add_argument("--steps", type=int, default=20, help="measured in a round (20)")
    parser.add_argument("--json", action="store_true", help="print one object")
    options = parser.parse_intermixed_args()
    device = hardware.device(options.device)
    if device.type == "cpu":
        if options.device == "auto":
            sys.exit(f"{LITTLE}. --device cpu measures it all the same.")
        print(LITTLE, file=sys.stderr)
    recipe = load_recipe(options.recipe, *OVERRIDES, *options.overrides)
    precision, lack = hardware.precision(device, recipe.precision)
    if lack:
        print(lack, file=sys.stderr)
    recipe = recipe.model_copy(update={"precision": precision})
    torch.set_num_threads(hardware.threads(recipe.threads))
    found = figures(recipe, device, options.rounds, options.steps)
    print(*([json.dumps(found)] if options.json else lines(found)), sep="\n")


if __name__ == "__main__":
    try:
        main()
    except CrnnAudioError as error:
        sys.exit(str(error))
