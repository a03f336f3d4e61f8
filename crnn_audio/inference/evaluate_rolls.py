"""How well a model foretells the piano rolls of a split: nats a frame, beside what two plain guesses reach."""

import math
from dataclasses import dataclass
from pathlib import Path

from crnn_audio import build
from crnn_audio.batching.rolls import Rolls
from crnn_audio.batching.sequence import whole
from crnn_audio.corpora import home
from crnn_audio.errors import DIVERGED, RunError
from crnn_audio.inference.predictor import Predictor
from crnn_audio.metrics import floors
from crnn_audio.tasks.judging import Foretold, judge_next_frame

ROWS = 32
"""Pieces that are foretold side by side."""


@dataclass(frozen=True)
class RollEvaluation:
    """A run's score on a split; the floors are in nats a frame too, each key by itself.

    `independent_key` guesses how often a key sounds, `key_markov` how often it does given whether it just did.
    """

    run: Path
    corpus: str
    split: str
    nats_per_frame: float
    independent_key: float
    key_markov: float
    pieces: tuple[Foretold, ...]

    @property
    def scores(self) -> dict[str, float]:
        """What is recorded, by metric."""
        return {"nats_per_frame": self.nats_per_frame}

    @property
    def num_frames(self) -> int:
        """Frames that were foretold."""
        return sum(one.count for one in self.pieces)

    def as_json(self) -> dict[str, object]:
        """Plain figures for `--json`."""
        return {
            "run": str(self.run),
            "corpus": self.corpus,
            "split": self.split,
            "nats_per_frame": self.nats_per_frame,
            "independent_key": self.independent_key,
            "key_markov": self.key_markov,
            "pieces": len(self.pieces),
            "frames": self.num_frames,
        }

    def lines(self, name: str, worst: int) -> list[str]:
        """For people: the score of a model of that name, the floors, and the pieces that it found hardest."""
        text = [
            f"{name} on {self.corpus} {self.split}: {len(self.pieces)} pieces, {self.num_frames} frames foretold",
            f"  {self.nats_per_frame:.3f} nats a frame",
            f"  floors: {self.independent_key:.2f} by how often a key sounds, {self.key_markov:.2f} by whether it did "
            "in the frame before",
        ]
        hardest = sorted(self.pieces, key=lambda one: -one.nats / one.count)[:worst]
        return text + [f"  {one.piece_id}: {one.nats / one.count:.2f} in {one.count} frames" for one in hardest]


def evaluate_rolls(
    predictor: Predictor,
    split: str,
    *,
    root: str | Path | None = None,
    progress: home.Progress | None = None,
) -> RollEvaluation:
    """Foretells every piece of a split from a state of zero.

    Raises:
        DataError: the collection cannot be had, or has no such split.
        RunError: its losses are not finite.
    """
    recipe = predictor.run.rolls
    data = recipe.data.model_copy(update={"root": str(root)} if root else {})
    found = build.pieces(recipe.model_copy(update={"data": data}), progress)
    chosen = build.required(found, split, data.name)
    train, rolls = [piece.roll for piece in found["train"]], [piece.roll for piece in chosen]
    batches = whole(Rolls.of(rolls, [piece.id for piece in chosen], copy_context=data.copy_context), ROWS)
    judged = judge_next_frame(predictor.task, (one.to(predictor.device) for one in batches))
    if not math.isfinite(judged.score):
        raise RunError(f"{predictor.run.path}: {DIVERGED}")
    return RollEvaluation(
        run=predictor.run.path,
        corpus=data.name,
        split=split,
        nats_per_frame=judged.score,
        independent_key=floors.independent_key(train, rolls),
        key_markov=floors.key_markov(train, rolls),
        pieces=judged.pieces,
    )
