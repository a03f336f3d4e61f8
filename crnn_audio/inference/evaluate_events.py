"""How well a model foretells pieces, and how what it writes compares with them."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crnn_audio import build
from crnn_audio.batching.music import Pieces
from crnn_audio.batching.sequence import whole
from crnn_audio.corpora import home
from crnn_audio.corpora.tunes import Tune
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.inference.composer import Composer
from crnn_audio.metrics.comparison import Comparison, compare
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.judging import Foretold, judge_next_token

ROWS = 32
"""Pieces that are foretold side by side."""
WRITTEN = 20
"""Pieces that are written to be compared, where the split has as many."""


@dataclass(frozen=True)
class EventEvaluation:
    """A run's score on a split, and what it wrote beside as many pieces of the split.

    `nats_per_note` is the sum over all pieces divided by the number of all their notes.
    """

    run: Path
    corpus: str
    split: str
    nats_per_note: float
    pieces: tuple[Foretold, ...]
    comparison: Comparison | None

    @property
    def scores(self) -> dict[str, float]:
        """What is recorded, by metric."""
        return {"nats_per_note": self.nats_per_note}

    @property
    def mean_over_pieces(self) -> float:
        """Nats a note of each piece, long or short, and of these the mean."""
        return sum(one.nats / one.count for one in self.pieces) / len(self.pieces)

    def as_json(self) -> dict[str, Any]:
        """Plain figures for `--json`."""
        return {
            "run": str(self.run),
            "corpus": self.corpus,
            "split": self.split,
            "nats_per_note": self.nats_per_note,
            "mean_over_pieces": self.mean_over_pieces,
            "pieces": len(self.pieces),
            "notes": sum(one.count for one in self.pieces),
            "comparison": self.comparison.as_dict() if self.comparison else None,
        }

    def lines(self, name: str, worst: int) -> list[str]:
        """For people: the score of a model of that name, the pieces that it found hardest, what it writes."""
        notes = sum(one.count for one in self.pieces)
        text = [
            f"{name} on {self.corpus} {self.split}: {len(self.pieces)} pieces, {notes} notes foretold",
            f"  {self.nats_per_note:.3f} nats a note; {self.mean_over_pieces:.3f} as the mean over pieces",
        ]
        hardest = sorted(self.pieces, key=lambda one: -one.nats / one.count)[:worst]
        text += [f"  {one.piece_id}: {one.nats / one.count:.2f} in {one.count} notes" for one in hardest]
        return text + (self.comparison.lines() if self.comparison else [])


def evaluate_events(
    composer: Composer,
    split: str,
    *,
    root: str | Path | None = None,
    written: int = WRITTEN,
    sampling: Sampling | None = None,
    progress: home.Progress | None = None,
) -> EventEvaluation:
    """Foretells every piece of a split, and compares what the model writes with the split's pieces.

    Args:
        written: pieces to write, each asked to be what one of the split is; 0 compares nothing.

    Raises:
        DataError: the corpus cannot be had, or has no such split.
    """
    recipe = composer.run.events
    data = recipe.data.model_copy(update={"root": str(root)} if root else {})
    found = build.music(recipe.model_copy(update={"data": data}), progress).splits
    chosen = build.required(found, split, data.name)
    pieces = build.encoded(recipe, chosen, composer.run.conditions).pieces
    batches = whole(Pieces([[piece] for piece in pieces], composer.task.reads_ahead), ROWS)
    judged = judge_next_token(composer.task, (one.to(composer.device) for one in batches), composer.representation)
    comparison = None
    if like := chosen[:written]:
        music = written_like(composer, like, sampling or Sampling())
        comparison = compare(music, *([tune.score for tune in tunes] for tunes in (chosen, found["train"])))
    return EventEvaluation(composer.run.path, data.name, split, judged.score, judged.pieces, comparison)


def written_like(composer: Composer, tunes: Sequence[Tune], sampling: Sampling) -> list[Score]:
    """A piece for each of these, asked to be what that is as far as the model knows; one seed after the other."""
    known = composer.run.conditions
    return [
        composer.generate(
            condition=known.usable(build.condition_of(tune)), sampling=replace(sampling, seed=sampling.seed + place)
        ).score
        for place, tune in enumerate(tunes)
    ]
