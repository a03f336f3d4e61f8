"""A trained model that generates music: from nothing, from a primer, to a fixed voice, or under conditions."""

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crnn_audio.batching import music as batches
from crnn_audio.batching.sequence import Span
from crnn_audio.config.music import MusicData, MusicGeneration
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError
from crnn_audio.inference.music import encoding, limits, outputs, selection
from crnn_audio.inference.music.fixed_voices import fixed_voices
from crnn_audio.inference.music.pieces import GeneratedScore, Likelihood
from crnn_audio.inference.music.prompts import Music, Opening, Prompt, of_file, opening_of
from crnn_audio.runs import Run
from crnn_audio.symbolic import excerpts, instruments
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.symbolic.form import fitting, repeats_of
from crnn_audio.symbolic.representation import Rows, context_of
from crnn_audio.symbolic.score import Part, Repeat, Score
from crnn_audio.tasks.music_generation import GeneratedRows, Request, generate, token_nats
from crnn_audio.tasks.prediction import Prediction

BATCH_SIZE = 32
"""Pieces that are generated side by side."""


class Composer:
    """Generates music, and scores given pieces; `crnn_audio.load` makes one."""

    PROMPT = Prompt
    FILE_OPTIONS = ("format", "wav", "mechanical")
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
    def prompt_defaults(self) -> dict[str, Any]:
        """What of a prompt the model's recipe says."""
        return {"guided": self.defaults.guided, "attempts": self.defaults.attempts}

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
        **more: Any,
    ) -> GeneratedScore:
        """Generates a piece; the arguments are those of `Prompt`, `tempo`, `guided` and others among them.

        Raises:
            DataError: a condition is not known, a number is out of its range, or music cannot be read or represented.
        """
        prompt = Prompt(primer, condition or {}, bars, seconds, tokens, keep or {}, **more)
        (piece,) = self.generate_many(1, prompt, sampling)
        return piece

    def generate_many(
        self, num: int, prompt: Prompt | None = None, sampling: Sampling | None = None
    ) -> list[GeneratedScore]:
        """As `generate`, so many pieces side by side, whose seeds follow that of `sampling`.

        Each is generated anew while it has lapses, `attempts` times at most; that with the fewest is kept.
        """
        prompt, sampling = prompt or Prompt(), sampling or self.sampling
        prompt.check(num)
        known = self.conditions
        condition = known.spelled(prompt.condition)
        if prompt.bars is not None and (asked := condition.get("bars", str(prompt.bars))) != str(prompt.bars):
            raise DataError(f"bars: {prompt.bars}, and {asked} by the condition bars={asked}. Leave out one of them.")
        seeds = range(sampling.seed, sampling.seed + num)
        with of_file(*prompt.keep.values(), prompt.primer):
            requests, openings = self._requests(prompt, condition, seeds)
            kept = dict[int, GeneratedScore]()
            for attempt in range(prompt.attempts or self.defaults.attempts):
                waiting = [place for place in range(num) if place not in kept or kept[place].lapses]
                for at in range(0, len(waiting), BATCH_SIZE):
                    places = waiting[at : at + BATCH_SIZE]
                    some = [replace(requests[place], attempt=attempt) for place in places]
                    sampled = generate(self.task, self.representation, some, sampling)
                    for place, request, rows in zip(places, some, sampled, strict=True):
                        piece = self._generated(openings[place], request, rows, prompt, sampling)
                        if place not in kept or piece.lapses < kept[place].lapses:
                            kept[place] = piece
            return [kept[place] for place in range(num)]

    def output_files(
        self,
        out: Path,
        name: str,
        seeds: Sequence[int],
        settings: Mapping[str, object],
        *,
        format: str = "mid",
        wav: bool = False,
        mechanical: bool = False,
    ) -> list[outputs.PieceFiles]:
        """Where pieces of these settings will be written, before the first is generated.

        Raises:
            DataError: they cannot be written there, or not in that format.
        """
        return outputs.output_files(out, name, seeds, settings, form=format, wav=wav, mechanical=mechanical)

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
        openings = [self._in_tempo(one, prompt) for one in openings]
        pairs = zip(openings, seeds, strict=True)
        return [replace(self._request(opening, fixed, prompt), seed=seed) for opening, seed in pairs], openings

    def _in_tempo(self, opening: Opening, prompt: Prompt) -> Opening:
        """At the requested tempo; without one, and without given music, at the model's for such a piece."""
        tempo = prompt.tempo
        if tempo is None and prompt.primer is None and not prompt.keep:
            tempo = self.defaults.tempo_of(opening.condition)
        return opening if tempo is None else replace(opening, about=replace(opening.about, tempo=tempo))

    def _request(self, opening: Opening, fixed: Rows | None, prompt: Prompt) -> Request:
        about, width = opening.about, len(self.representation.COLUMNS)
        free = prompt.bars is None and prompt.seconds is None
        bars = opening.condition.get("bars") if free else prompt.bars
        quarters = None if bars is None else int(bars) * about.time_signatures[0].bar  # the last bar lacks the pickup
        if prompt.seconds is not None:
            quarters = min(quarters or np.inf, prompt.seconds * about.tempo / 60)
        max_rows = limits.LONGEST if prompt.tokens is None else max(prompt.tokens // width, 1)
        limits.check(self.data, opening, quarters, max_rows)
        closing = free and opening.condition.get("close") == "tonic"
        late = closing and quarters is not None and not prompt.keep
        return Request(
            about=encoding.as_rows(self.data, about),
            condition=self.conditions.ids(opening.condition),
            seed=0,
            primer=opening.rows,
            fixed=fixed,
            quarters=quarters,
            max_rows=max_rows,
            bars=opening.bars,
            closing=closing,
            latest=selection.TOLERANCE * quarters if late and quarters else np.inf,
            guided=self.defaults.guided if prompt.guided is None else prompt.guided,
            compass=encoding.compass_of(self.data, about, self.conditions.ranges),
        )

    def _generated(
        self, opening: Opening, request: Request, rows: GeneratedRows, prompt: Prompt, sampling: Sampling
    ) -> GeneratedScore:
        name = self.run.path.name if self.run else "generated"
        score = encoding.score_of(self.data, rows.rows, replace(opening.about, title=f"{name} {request.seed}"))
        score = replace(score, parts=_played_by(score.parts, prompt.instruments))
        cut = limits.cut(request, rows, score.end)
        lapses = selection.count(
            score,
            ended=rows.ended or (request.quarters is not None and not request.closing),
            ranges=self.conditions.ranges,
            closing=request.closing,
            fixed=tuple(prompt.keep),
        )
        if (form := opening.condition.get("form")) and opening.bars:
            score = replace(score, repeats=_repeats(form, opening, score))
        return GeneratedScore(
            score=excerpts.after(score, opening.quarters) if prompt.continuation_only else score,
            seed=request.seed,
            sampling=sampling,
            condition=opening.condition,
            nats=float(rows.nats[self.representation.counted(rows.rows)].sum()),
            num_notes=self.representation.num_notes(rows.rows),
            num_tokens=rows.rows.size,
            ended=rows.ended,
            remarks=(*opening.remarks, *cut),
            lapses=lapses,
            attempt=request.attempt,
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
        whole = encoding.score_of(self.data, opening.rows, opening.about)
        context = encoding.context_of(self.data, opening.rows, context, whole)
        one = batches.EncodedPiece("", opening.rows, context, ids)
        predicted = np.array([name not in given for name in columns])
        spans = [Span(0, 0, len(opening.rows))]
        batch = batches.batch([(one, predicted)], spans, reads_ahead=self.task.reads_ahead)
        (nats,) = token_nats(self.task, batch.to(self.device))
        nats = nats * self.representation.counted(opening.rows)
        return Likelihood(nats, columns, self.representation.num_notes(opening.rows), opening.remarks)


def _repeats(form: str, opening: Opening, score: Score) -> tuple[Repeat, ...]:
    """The repeats of a piece of that form, if it is as long as requested and no note sounds on over their ends."""
    length = opening.bars * opening.about.time_signatures[0].bar
    if not 0 <= score.end - length <= opening.about.pickup:
        return ()
    return fitting(score, repeats_of(form, length))


def _played_by(parts: tuple[Part, ...], names: str | None) -> tuple[Part, ...]:
    """The parts with these instruments, the last of which plays all that are left."""
    if names is None:
        return parts
    numbers = instruments.programs(names)
    return tuple(replace(part, program=numbers[min(at, len(numbers) - 1)]) for at, part in enumerate(parts))
