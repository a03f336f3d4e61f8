"""A trained model that generates music: from nothing, from a primer, to a fixed voice, or under conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from crnn_audio.batching import music as batches
from crnn_audio.batching.sequence import Span
from crnn_audio.config.music import MusicData, MusicGeneration
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.inference.music import encoding, limits, outputs
from crnn_audio.inference.music.fixed_voices import fixed_voices
from crnn_audio.inference.music.prompts import Music, Opening, Prompt, of_file, opening_of
from crnn_audio.runs import Run
from crnn_audio.symbolic import files as scores
from crnn_audio.symbolic import plotting, render
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.symbolic.representation import Rows, context_of
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.music_generation import GeneratedRows, Request, generate, token_nats
from crnn_audio.tasks.prediction import Prediction

BATCH_SIZE = 32
"""Pieces that are generated side by side."""


@dataclass(frozen=True)
class GeneratedScore:
    """A generated piece, with what reproduces it: model, seed and settings.

    Args:
        nats: the negative log-likelihood of all sampled tokens that count (`Representation.counted`).
        num_notes: what to divide it by.
        ended: whether the model ended the piece.
        remarks: what of a primer or a fixed voice could not be represented.
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
        """As sound (WAV), with a soundfont of the extra `music`."""
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

    @property
    def summary(self) -> str:
        """A line for people."""
        return (
            f"{self.score.seconds:.0f} s, {len(self.score.notes)} notes, {self.nats / max(self.num_notes, 1):.2f} nats "
            f"a note, seed {self.seed}" + ("" if self.ended else ", not ended by the model")
        )


@dataclass(frozen=True)
class Likelihood:
    """The negative log-likelihood of a piece: the nats of each token of each row; `columns` are the tokens' names.

    They are zero for tokens that do not count (`Representation.counted`).
    """

    nats: Float[np.ndarray, "T P"]
    columns: tuple[str, ...]
    num_notes: int
    remarks: tuple[str, ...] = ()

    @property
    def nats_per_note(self) -> float:
        """Their sum over the number of notes."""
        return float(self.nats.sum()) / max(self.num_notes, 1)

    def as_json(self) -> dict[str, object]:
        """Plain figures."""
        columns = {name: float(nats) for name, nats in zip(self.columns, self.nats.sum(axis=0), strict=True)}
        return {"nats_per_note": self.nats_per_note, "notes": self.num_notes, "columns": columns}

    @property
    def counts(self) -> str:
        """What was scored, for people."""
        return f"{self.num_notes} notes predicted"

    def lines(self) -> list[str]:
        """For people."""
        return [f"{self.nats_per_note:.3f} nats a note"]


class Composer:
    """Generates music, and scores given pieces; `crnn_audio.load` makes one."""

    PROMPT = Prompt
    FILE_OPTIONS = ("format", "wav")
    PRINTABLE = False

    def __init__(
        self,
        run: Run | None,
        task: Prediction,
        data: MusicData,
        conditions: Conditions,
        defaults: MusicGeneration | None = None,
    ) -> None:
        self.run = run
        self.defaults = defaults or MusicGeneration()
        self.task = task.eval()
        self.data = data
        self.conditions = conditions
        self.kind = self.data.representation
        self.representation = encoding.REPRESENTATIONS[self.kind]
        self.device = next(task.model.parameters()).device

    @property
    def sampling(self) -> Sampling:
        """How pieces are sampled by default, as the model's recipe says."""
        return Sampling(temperature=self.defaults.temperature, top_p=self.defaults.top_p)

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
    ) -> GeneratedScore:
        """Generates a piece; the arguments are those of `Prompt`.

        Raises:
            DataError: a condition is not known, a number is out of its range, or music cannot be read or represented.
        """
        (piece,) = self.generate_many(1, Prompt(primer, condition or {}, bars, seconds, tokens, keep or {}), sampling)
        return piece

    def generate_many(
        self, num: int, prompt: Prompt | None = None, sampling: Sampling | None = None
    ) -> list[GeneratedScore]:
        """As `generate`, so many pieces side by side, whose seeds follow that of `sampling`."""
        prompt, sampling = prompt or Prompt(), sampling or self.sampling
        prompt.check(num)
        known = self.conditions
        condition = known.spelled(prompt.condition)
        if prompt.bars is not None and (asked := condition.get("bars", str(prompt.bars))) != str(prompt.bars):
            raise DataError(f"bars: {prompt.bars}, and {asked} by the condition bars={asked}. Leave out one of them.")
        seeds = range(sampling.seed, sampling.seed + num)
        with of_file(*prompt.keep.values(), prompt.primer):
            requests, openings = self._requests(prompt, condition, seeds)
            sampled = [
                piece
                for at in range(0, num, BATCH_SIZE)
                for piece in generate(self.task, self.representation, requests[at : at + BATCH_SIZE], sampling)
            ]
            return [self._generated(*one, sampling) for one in zip(openings, requests, sampled, strict=True)]

    def output_files(
        self,
        out: Path,
        name: str,
        seeds: Sequence[int],
        settings: Mapping[str, object],
        *,
        format: str = "mid",
        wav: bool = False,
    ) -> list[outputs.PieceFiles]:
        """Where pieces of these settings will be written, before the first is generated.

        Raises:
            DataError: they cannot be written there, or not in that format.
        """
        return outputs.output_files(out, name, seeds, settings, form=format, wav=wav)

    def _requests(
        self, prompt: Prompt, condition: dict[str, str], seeds: Sequence[int]
    ) -> tuple[list[Request], list[Opening]]:
        known, fixed = self.conditions, None
        if prompt.keep:
            opening, fixed = fixed_voices(self.data, prompt.keep, condition, known, limits.LONGEST)
            openings = [opening] * len(seeds)
        elif prompt.primer is not None:
            openings = [opening_of(self.data, prompt.primer, condition, known, bars=prompt.bars)] * len(seeds)
        else:
            openings = [
                opening_of(self.data, None, condition, known, bars=prompt.bars, seed=seed, tempo=self.defaults.tempo)
                for seed in seeds
            ]
        pairs = zip(openings, seeds, strict=True)
        return [replace(self._request(opening, fixed, prompt), seed=seed) for opening, seed in pairs], openings

    def _request(self, opening: Opening, fixed: Rows | None, prompt: Prompt) -> Request:
        about, width = opening.about, len(self.representation.COLUMNS)
        free = prompt.bars is None and prompt.seconds is None
        bars = opening.condition.get("bars") if free else prompt.bars
        quarters = None if bars is None else int(bars) * about.time_signatures[0].bar  # the last bar lacks the pickup
        if prompt.seconds is not None:
            quarters = min(quarters or np.inf, prompt.seconds * about.tempo / 60)
        max_rows = limits.LONGEST if prompt.tokens is None else max(prompt.tokens // width, 1)
        limits.check(self.data, opening, quarters, max_rows)
        return Request(
            about=encoding.as_rows(self.data, about),
            condition=self.conditions.ids(opening.condition),
            seed=0,
            primer=opening.rows,
            fixed=fixed,
            quarters=quarters,
            max_rows=max_rows,
            closing=free and opening.condition.get("close") == "tonic",
        )

    def _generated(self, opening: Opening, request: Request, rows: GeneratedRows, sampling: Sampling) -> GeneratedScore:
        name = self.run.path.name if self.run else "generated"
        score = encoding.score_of(self.data, rows.rows, replace(opening.about, title=f"{name} {request.seed}"))
        cut = limits.cut(request, rows, score.end)
        return GeneratedScore(
            score=score,
            seed=request.seed,
            sampling=sampling,
            condition=opening.condition,
            nats=float(rows.nats[self.representation.counted(rows.rows)].sum()),
            num_notes=self.representation.num_notes(rows.rows),
            num_tokens=rows.rows.size,
            ended=rows.ended,
            remarks=(*opening.remarks, *cut),
        )

    def score(self, piece: Music, given: Sequence[str] = ()) -> Likelihood:
        """The likelihood of a piece, token by token; the columns named in `given` are fixed and have no losses.

        Raises:
            DataError: it cannot be read, or its representation cannot hold it.
        """
        with of_file(piece):
            opening = opening_of(self.data, piece, {}, self.conditions, whole=True)
        columns = self.representation.COLUMNS
        if unknown := [name for name in given if name not in columns]:
            raise DataError(f"{unknown[0]!r} is no column of this model; it has {', '.join(columns)}.")
        ids = np.array(self.conditions.ids(opening.condition), dtype=np.int64)
        context = context_of(self.representation, opening.rows, encoding.as_rows(self.data, opening.about))
        one = batches.EncodedPiece("", opening.rows, context, ids)
        predicted = np.array([name not in given for name in columns])
        spans = [Span(0, 0, len(opening.rows))]
        batch = batches.batch([(one, predicted)], spans, reads_ahead=self.task.reads_ahead)
        (nats,) = token_nats(self.task, batch.to(self.device))
        nats = nats * self.representation.counted(opening.rows)
        return Likelihood(nats, columns, self.representation.num_notes(opening.rows), opening.remarks)
