"""A trained model that writes music: from nothing, a beginning, a voice that is kept, or what is asked for by name."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from crnn_audio import build
from crnn_audio.batching import music as batches
from crnn_audio.batching.sequence import Span
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.inference.wishes import Beginning, beginning, kept_voices
from crnn_audio.runs import Run
from crnn_audio.symbolic import files as scores
from crnn_audio.symbolic import plotting, render
from crnn_audio.symbolic.representation import Rows
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.composing import Drawn, Request, compose, scored
from crnn_audio.tasks.prediction import Prediction

Music = Score | str | Path
"""A piece: itself, a file, or note names such as "C4 E4 G4:2"."""
LONGEST = 4096
"""Rows after which a piece ends in any case."""
BESIDE = 32
"""Pieces that are written side by side."""


@dataclass(frozen=True)
class Composed:
    """A piece that was written, with what brings it back: model, seed and settings.

    `nats` is the negative log-likelihood of all that was drawn and counts (`Representation.counted`), `num_notes` what
    to divide it by; `ended` says that the model ended the piece; `remarks` what of a primer or a kept voice could not
    be held.
    """

    score: Score
    seed: int
    sampling: Sampling
    condition: Mapping[str, str]
    nats: float
    num_notes: int
    num_tokens: int
    ended: bool
    remarks: tuple[str, ...] = ()

    def save(self, path: str | Path) -> None:
        """As MIDI, ABC, MusicXML or JSON, by the suffix.

        Raises:
            DataError: the suffix is none of these, or the folder cannot be written.
        """
        scores.save(self.score, path)

    def render(self, path: str | Path) -> None:
        """As sound (WAV), by a synthesiser of the extra `music`."""
        render.to_wav(self.score, path)

    def plot(self, path: str | Path) -> None:
        """As a picture (PNG)."""
        plotting.plot(self.score, path)

    def as_json(self) -> dict[str, object]:
        """Plain figures."""
        return {
            **self.sampling.as_json(self.seed),
            "condition": dict(self.condition),
            "quarters": self.score.end,
            "seconds": round(self.score.seconds, 3),
            "notes": len(self.score.notes),
            "tokens": self.num_tokens,
            "nats": round(self.nats, 4),
            "nats_per_note": round(self.nats / max(self.num_notes, 1), 4),
            "ended": self.ended,
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True)
class Likelihood:
    """How likely a piece is under a model: the nats of each token of each row, `columns` naming the tokens.

    Of tokens that do not count (`Representation.counted`) they are zero.
    """

    nats: Float[np.ndarray, "T P"]
    columns: tuple[str, ...]
    num_notes: int
    remarks: tuple[str, ...] = ()

    @property
    def nats_per_note(self) -> float:
        """All of them over what they are divided by."""
        return float(self.nats.sum()) / max(self.num_notes, 1)


class Composer:
    """Writes music, and says how likely a given piece is; `crnn_audio.load` makes one."""

    def __init__(self, run: Run, task: Prediction) -> None:
        self.run = run
        self.task = task.eval()
        self.data = run.events.data
        self.kind = self.data.representation
        self.representation = build.REPRESENTATIONS[self.kind]
        self.device = next(task.model.parameters()).device

    def generate(
        self,
        *,
        primer: Music | None = None,
        condition: Mapping[str, str] | None = None,
        bars: int | None = None,
        seconds: float | None = None,
        tokens: int | None = None,
        keep: Mapping[str, Music] | None = None,
        sampling: Sampling | None = None,
    ) -> Composed:
        """Writes a piece.

        Args:
            primer: what it begins with.
            condition: what is asked for, such as {"key": "G", "metre": "6/8"}.
            bars, seconds: how long it becomes. By default it ends on the tonic's chord, after as many bars as its
                condition tells, or where the model ends it.
            tokens: at most so many.
            keep: voices that stand as they are, by name; the others are written to them.

        Raises:
            DataError: something asked for is not known, not possible, or cannot be read.
        """
        (piece,) = self.generate_many(
            1,
            primer=primer,
            condition=condition,
            bars=bars,
            seconds=seconds,
            tokens=tokens,
            keep=keep,
            sampling=sampling,
        )
        return piece

    def generate_many(
        self,
        num: int,
        *,
        primer: Music | None = None,
        condition: Mapping[str, str] | None = None,
        bars: int | None = None,
        seconds: float | None = None,
        tokens: int | None = None,
        keep: Mapping[str, Music] | None = None,
        sampling: Sampling | None = None,
    ) -> list[Composed]:
        """As `generate`, so many pieces side by side, whose seeds follow that of `sampling`."""
        sampling = sampling or Sampling()
        _refuse(bars=bars, seconds=seconds, tokens=tokens, num=num)
        if keep and (primer is not None or bars is not None or seconds is not None):
            raise DataError("a kept voice tells how a piece begins and ends; leave primer, bars and seconds away.")
        asked, known = dict(condition or {}), self.run.conditions
        seeds = range(sampling.seed, sampling.seed + num)
        if keep:
            begun, kept = kept_voices(self.data, keep, asked, known, LONGEST)
            begins = [begun] * num
        elif primer is not None:
            begins, kept = [beginning(self.data, primer, asked, known, bars=bars)] * num, None
        else:
            begins, kept = [beginning(self.data, None, asked, known, bars=bars, seed=seed) for seed in seeds], None
        requests = [
            replace(self._request(begun, kept, bars, seconds, tokens), seed=seed)
            for begun, seed in zip(begins, seeds, strict=True)
        ]
        drawn = [
            piece
            for at in range(0, num, BESIDE)
            for piece in compose(self.task, self.representation, requests[at : at + BESIDE], sampling)
        ]
        return [self._composed(*one, sampling) for one in zip(begins, requests, drawn, strict=True)]

    def _request(
        self, begun: Beginning, kept: Rows | None, bars: int | None, seconds: float | None, tokens: int | None
    ) -> Request:
        about, width = begun.about, len(self.representation.COLUMNS)
        free = bars is None and seconds is None
        told = begun.condition.get("bars") if free else bars
        quarters = (
            int(told) * about.time_signatures[0].bar if told is not None else None
        )  # the last one is short of the pickup
        if seconds is not None:
            quarters = min(quarters or np.inf, seconds * about.tempo / 60)
        return Request(
            about=build.as_rows(self.data, about),
            condition=self.run.conditions.ids(begun.condition),
            seed=0,
            primer=begun.rows,
            kept=kept,
            quarters=quarters,
            max_rows=LONGEST if tokens is None else max(tokens // width, 1),
            closing=free and begun.condition.get("close") == "tonic",
        )

    def _composed(self, begun: Beginning, request: Request, drawn: Drawn, sampling: Sampling) -> Composed:
        name = self.run.path.name
        score = build.score_of(self.data, drawn.rows, replace(begun.about, title=f"{name} {request.seed}"))
        return Composed(
            score=score,
            seed=request.seed,
            sampling=sampling,
            condition=begun.condition,
            nats=float(drawn.nats[self.representation.counted(drawn.rows)].sum()),
            num_notes=self.representation.num_notes(drawn.rows),
            num_tokens=drawn.rows.size,
            ended=drawn.ended,
            remarks=begun.remarks,
        )

    def score(self, piece: Music, given: Sequence[str] = ()) -> Likelihood:
        """How likely a piece is, step by step; what is in the columns named in `given` is heard ahead and not asked.

        Raises:
            DataError: it cannot be read, or its representation cannot hold it.
        """
        begun = beginning(self.data, piece, {}, self.run.conditions, whole=True)
        columns = self.representation.COLUMNS
        if unknown := [name for name in given if name not in columns]:
            raise DataError(f"{unknown[0]!r} is no column of this model; it has {', '.join(columns)}.")
        ids = np.array(self.run.conditions.ids(begun.condition), dtype=np.int64)
        told = self.representation.told(begun.rows, build.as_rows(self.data, begun.about))
        one = batches.EncodedPiece("", begun.rows, told, ids)
        drawn = np.array([name not in given for name in columns])
        spans = [Span(0, 0, len(begun.rows))]
        batch = batches.batch([(one, drawn)], spans, reads_ahead=self.task.reads_ahead)
        (nats,) = scored(self.task, batch.to(self.device))
        nats = nats * self.representation.counted(begun.rows)
        return Likelihood(nats, columns, self.representation.num_notes(begun.rows), begun.remarks)


def _refuse(**counts: float | None) -> None:
    for name, count in counts.items():
        if count is not None and not 0 < count < 1e6:
            raise DataError(f"{name}: should be above 0 and below a million (found {count:g}).")
