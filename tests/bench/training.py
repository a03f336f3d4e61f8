"""How fast training is, against the same model with packed recurrent layers and mixed batches.

Both train the AN4 recipe's network on the same corpus, in turn, a few dozen steps each a round; the figures are medians
over rounds of utterance-seconds per second, so a machine that slows down slows both.
"""

import statistics
import sys
import time
from collections.abc import Iterator
from itertools import islice

import numpy as np
import torch
from torch import Tensor, nn

from crnn_audio.batching.loader import Cuts, SpeechFeed, batches
from crnn_audio.batching.plan import Batch, PlannedCut, key
from crnn_audio.config.schema import Recipe
from crnn_audio.evaluation.evaluate import required
from crnn_audio.features.normalize import Statistics
from crnn_audio.problems import Data, load_recipe, recognition, recordings
from crnn_audio.tasks.ctc import Recognition
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.training import optim
from crnn_audio.types import Encoded, SpeechBatch

RECIPE = "an4/bilstm"
OVERRIDES = ["threads=1", "task.consistency=0", "task.intermediate=0", "augment.spec_augment=null"]
"""One thread, and nothing that only the loss asks for: the network alone is what the two do in other ways."""


class Packed(nn.Module):
    """The recurrent stack as most write it: nn.LSTM, bidirectional, on a packed sequence, with the same norms."""

    def __init__(self, input_size: int, recipe: Recipe) -> None:
        super().__init__()
        layers = recipe.model.recurrent
        self.bidirectional = layers.bidirectional
        sizes = [layers.hidden_size] + [2 * layers.hidden_size] * (layers.num_layers - 1)
        self.projection = nn.Sequential(nn.Linear(input_size, layers.hidden_size), nn.LayerNorm(layers.hidden_size))
        self.layers = nn.ModuleList(
            nn.LSTM(size, layers.hidden_size, batch_first=True, bidirectional=True) for size in sizes
        )
        self.norms = nn.ModuleList(nn.LayerNorm(2 * layers.hidden_size) for _ in sizes)
        self.dropout = nn.Dropout(layers.dropout)

    def forward(self, encoded: Encoded) -> Encoded:
        frames = self.projection(encoded.frames)
        for layer, norm in zip(self.layers, self.norms, strict=True):
            packed = nn.utils.rnn.pack_padded_sequence(frames, encoded.lengths, batch_first=True, enforce_sorted=False)
            output, _ = nn.utils.rnn.pad_packed_sequence(layer(packed)[0], batch_first=True)
            frames = self.dropout(norm(output))
        return Encoded(frames, encoded.lengths)


def mixed_plan(cuts: Cuts, recipe: Recipe, epoch: int) -> list[Batch]:
    """Batches of the same padded size in random order of length."""
    order = np.random.default_rng(key(recipe.seed, epoch, "mixed")).permutation(len(cuts.cuts))
    plan: list[Batch] = []
    batch: list[PlannedCut] = []
    for index in order:
        cut_id, speeds = cuts.cuts[index].id, recipe.augment.speed
        speed = speeds[key(recipe.seed, epoch, cut_id, "speed") % len(speeds)]
        entry = PlannedCut(int(index), speed, cuts.cuts[index].duration / speed)
        if batch and max(one.duration for one in [*batch, entry]) * (len(batch) + 1) > recipe.data.batch_seconds:
            plan.append(tuple(batch))
            batch = []
        batch.append(entry)
    return [*plan, tuple(batch)]


def epochs(recipe: Recipe, feed: SpeechFeed, mixed: bool) -> Iterator[SpeechBatch]:
    """Endless batches, read ahead by the recipe's workers."""
    for epoch in range(1, 10**6):
        plan = mixed_plan(feed.cuts, recipe, epoch) if mixed else feed.plan(epoch)
        yield from batches(feed.cuts, [(epoch, batch) for batch in plan], workers=recipe.data.workers)


def measure(task: Recognition, optimizer: torch.optim.Optimizer, stream: Iterator[SpeechBatch], steps: int) -> dict:
    """Utterance-seconds per second, and the shares of waiting and padding, of that many steps."""
    started, waited, seconds, padded = time.perf_counter(), 0.0, 0.0, 0.0
    stream_iterator = islice(stream, steps)
    while True:
        asked = time.perf_counter()
        batch = next(stream_iterator, None)
        if batch is None:
            break
        waited += time.perf_counter() - asked
        step(task, optimizer, batch)
        seconds, padded = seconds + batch.amount, padded + batch.padded_amount
    spent = time.perf_counter() - started
    return {"rate": seconds / spent, "wait": waited / spent, "padding": 1 - seconds / padded}


def step(task: Recognition, optimizer: torch.optim.Optimizer, batch: SpeechBatch) -> Tensor:
    task.train()
    optimizer.zero_grad()
    loss = task.loss(batch) / batch.size
    loss.backward()
    parameters = list(task.model.parameters())
    optim.clip(parameters, optim.gradient_norm(parameters), clip_norm=5.0, clip_value=None)
    optimizer.step()
    return loss


def assets_of(recipe: Recipe, data: Data) -> recognition.Assets:
    """The corpus's tokens, and statistics near any corpus's own in the place of measured ones."""
    texts = [cut.text for cut in required(data.items, "train", recipe.data.name)]
    bins = recordings.front_end(recipe.features).num_features
    return recognition.Assets(
        Vocabulary.build(texts, recipe.task.vocabulary), Statistics((-8.0,) * bins, (3.0,) * bins)
    )


def figures(num_rounds: int, steps: int) -> dict:
    """Trains both in turn; `summary` says what comes out."""
    recipe = load_recipe(RECIPE, *OVERRIDES)
    data = recognition.data(recipe)
    assets = assets_of(recipe, data)
    feed = recognition.feed(recipe, data, assets).batches
    rivals = {}
    for name in ("ours", "packed"):
        task = recognition.task(recipe, assets)
        if name == "packed":
            task.model.recurrent = Packed(task.model.front.output_size, recipe)
        stream = epochs(recipe, feed, mixed=name == "packed")
        rivals[name] = (task, optim.build_optimizer(task.model), stream)
        measure(*rivals[name], steps=min(steps, 3))
    rounds: dict[str, list[dict]] = {name: [] for name in rivals}
    for index in range(num_rounds):
        for name, rival in rivals.items():
            rounds[name].append(measure(*rival, steps=steps))
            print(f"round {index + 1}  {name:6}  {rounds[name][-1]['rate']:6.1f} s/s", file=sys.stderr)
    return summary(rounds)


def summary(rounds: dict[str, list[dict]]) -> dict:
    """Medians over rounds, one entry a rival; `ratio` is the median of the rounds' own ratios."""
    medians = {
        name: {figure: statistics.median(one[figure] for one in found) for figure in found[0]}
        for name, found in rounds.items()
    }
    ratio = statistics.median(
        ours["rate"] / packed["rate"] for ours, packed in zip(rounds["ours"], rounds["packed"], strict=True)
    )
    return {**medians, "ratio": ratio}


def lines(found: dict) -> Iterator[str]:
    """The figures for people."""
    for name in ("ours", "packed"):
        yield (
            f"training, {name:6}  {found[name]['rate']:6.1f} utterance-seconds a second, "
            f"data wait {found[name]['wait']:.1%}, padding {found[name]['padding']:.1%}"
        )
    yield f"ratio {found['ratio']:.2f} (one thread, {RECIPE})"
