"""Decoding with a prefix beam, for whole utterances and for streams, with times by forced alignment.

Every `PIECE` frames it is looked for what all hypotheses have in common. That is stable, and aligned, so that memory
does not grow with a recording.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from itertools import groupby

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.alignment import aligned
from crnn_audio.decoding.beam import search
from crnn_audio.decoding.beam.scorers import Scorer, Sum
from crnn_audio.decoding.beam.search import Hypotheses, Step
from crnn_audio.decoding.decoder import refuse_nan
from crnn_audio.decoding.greedy import BLANK_ID, NO_TOKENS
from crnn_audio.decoding.paths import Path

PIECE = 250
POSSIBLE = -1e8
"""The score of a hypothesis that scorers allow is higher."""


@dataclass(frozen=True)
class Candidate:
    """A hypothesis: its tokens, and their score with that of the scorers."""

    tokens: tuple[int, ...]
    score: float


Link = tuple[Int[Tensor, " W"], Int[Tensor, " W"]]
"""Of one frame, the place that each hypothesis came from, and the token that it added, or 0."""


@dataclass(frozen=True, eq=False)
class BeamState:
    """Where a stream is.

    Attributes:
        beam: the hypotheses, of one utterance.
        stable: what is aligned already; its last frame is followed by `frames`.
        texts: the tokens of each hypothesis after the stable ones, up to the first of `links`.
        links: of each frame since.
        frames: the log-probabilities of the open frames.
    """

    beam: Hypotheses
    texts: tuple[tuple[int, ...], ...]
    stable: Path = NO_TOKENS
    links: tuple[Link, ...] = ()
    frames: tuple[Float[np.ndarray, " V"], ...] = ()
    num_frames: int = 0
    num_blanks: int = 0
    started: int | None = None
    in_utterance: int = 0
    last_token: int = BLANK_ID

    @property
    def path(self) -> Path:
        """The stable output of the open utterance."""
        return self.stable

    @property
    def best(self) -> Path:
        """The likeliest hypothesis so far."""
        return self.with_tokens(self.text(0))

    def text(self, place: int) -> tuple[int, ...]:
        """The open tokens of a hypothesis."""
        place, tokens = traced(self.links, place)
        return (*self.texts[place], *tokens)

    def with_tokens(self, tokens: tuple[int, ...]) -> Path:
        """The stable path, and these tokens aligned with the open frames."""
        if not self.frames:
            return self.stable
        open_ = aligned(np.stack(self.frames)[None], [len(self.frames)], [tokens])[0]
        return joined(self.stable, open_, self.num_frames - len(self.frames))


def joined(one: Path, other: Path, offset: int) -> Path:
    """A path and one after it, of which the first frame is `offset`."""
    return Path(
        one.tokens + other.tokens,
        (*one.starts, *(start + offset for start in other.starts)),
        (*one.ends, *(end + offset for end in other.ends)),
        one.probs + other.probs,
        min(one.blank_prob, other.blank_prob),
    )


def traced(links: Sequence[Link], place: int) -> tuple[int, tuple[int, ...]]:
    """The place before these frames that a hypothesis comes from, and the tokens that it added since."""
    found = list[int]()
    for sources, tokens in reversed(links):
        if token := int(tokens[place]):
            found.append(token)
        place = int(sources[place])
    return place, tuple(reversed(found))


@dataclass
class PrefixBeam:
    """The best hypotheses of a prefix beam; stateless, so that one serves several streams.

    Args:
        scorers: what guides it besides the model.
        width: hypotheses that are kept.
        num_best: hypotheses that are returned as alternatives, if more than 1.
        num_tokens: tokens that are tried in each frame.
        separator: the token between words; of hypotheses that differ in nothing else, one is an alternative.
        model: what computes the log-probabilities, for the message that it computes none.
        rescore: the score that a whole hypothesis has besides, by which they are ordered again at their end.
    """

    scorers: Sequence[Scorer] = ()
    width: int = 16
    num_best: int = 1
    num_tokens: int = 12
    separator: int | None = None
    model: object = ""
    rescore: Callable[[tuple[int, ...]], float] | None = None
    scorer: Sum = field(init=False)

    def __post_init__(self) -> None:
        self.scorer = Sum(self.scorers)

    def decode(self, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> list[Path]:
        """The path of each utterance; without tokens where the scorers allow none.

        Raises:
            RunError: a log-probability is NaN.
        """
        ends = lengths.tolist()
        short = [row for row, length in enumerate(ends) if length <= PIECE]
        found: list[Path] = [NO_TOKENS] * len(ends)
        for row, length in enumerate(ends):
            if length > PIECE:
                found[row], _ = self.finish(self.step(log_probs[row, :length], None))
        if short:
            listed = [self._ranked(one) for one in self.nbest(log_probs[short], lengths[short])]
            best = [one[0].tokens if one else () for one in listed]
            held = [ends[row] for row in short]
            frames = log_probs[short, : max(held)].double().cpu().numpy()
            for row, path, candidates in zip(short, aligned(frames, held, best), listed, strict=True):
                found[row] = self._with_alternatives(path, candidates)
        return found

    def nbest(self, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> list[list[Candidate]]:
        """The hypotheses of each utterance, the best first; none that the scorers do not allow.

        Raises:
            RunError: a log-probability is NaN.
        """
        ends = lengths.tolist()
        for row, length in enumerate(ends):
            refuse_nan(log_probs[row, :length], self.model)
        beam = search.begin(self.scorer, len(ends), self.width, log_probs.device)
        steps = list[Step]()
        found: list[list[Candidate]] = [[] for _ in ends]
        frames = log_probs.double().nan_to_num(nan=0.0)
        for frame in range(max(ends, default=0)):
            steps.append(search.advance(self.scorer, beam, frames[:, frame], self.num_tokens))
            beam = steps[-1].beam
            for row, length in enumerate(ends):
                if length == frame + 1:
                    found[row] = self._candidates(beam, steps, row)
        return found

    def _with_alternatives(self, path: Path, candidates: Sequence[Candidate]) -> Path:
        if self.num_best == 1:
            return path
        likely = dict[tuple[tuple[int, ...], ...], tuple[tuple[int, ...], float]]()
        for one in candidates:
            likely.setdefault(self._words(one.tokens), (one.tokens, one.score))
        return replace(path, alternatives=tuple(likely.values())[: self.num_best])

    def _words(self, tokens: tuple[int, ...]) -> tuple[tuple[int, ...], ...]:
        parts = groupby(tokens, lambda token: token == self.separator)
        return tuple(tuple(word) for separates, word in parts if not separates)

    def _ranked(self, candidates: Sequence[Candidate]) -> list[Candidate]:
        """By their scores with those that they have besides."""
        if self.rescore is None:
            return list(candidates)
        scored = [Candidate(one.tokens, one.score + self.rescore(one.tokens)) for one in candidates]
        return sorted(scored, key=lambda one: -one.score)

    def _candidates(self, beam: Hypotheses, steps: Sequence[Step], row: int) -> list[Candidate]:
        totals = self._ended(beam, row)
        links = [(step.sources[row], step.tokens[row]) for step in steps]
        order = totals.argsort(descending=True, stable=True).tolist()
        return [Candidate(traced(links, at)[1], float(totals[at])) for at in order if float(totals[at]) > POSSIBLE]

    def _ended(self, beam: Hypotheses, row: int) -> Float[Tensor, " W"]:
        return beam.totals()[row] + self.scorer.end(beam.states[row])

    def step(self, log_probs: Float[Tensor, "u V"], state: BeamState | None) -> BeamState:
        """The state after the next frames of a stream; None begins one.

        Raises:
            RunError: a log-probability is NaN.
        """
        refuse_nan(log_probs, self.model)
        state = state or self._begun(log_probs.device, 0)
        begin = 0
        while begin < len(log_probs):
            count = min(PIECE - state.in_utterance % PIECE, len(log_probs) - begin)
            state = self._advanced(state, log_probs[begin : begin + count])
            begin += count
            if state.in_utterance % PIECE == 0:
                state = _settled(state)
        return state

    def _advanced(self, state: BeamState, log_probs: Float[Tensor, "u V"]) -> BeamState:
        beam, steps = state.beam, list[Step]()
        for frame in log_probs.double():
            steps.append(search.advance(self.scorer, beam, frame.unsqueeze(0), self.num_tokens))
            beam = steps[-1].beam
        blanks, started, last = state.num_blanks, state.started, state.last_token
        for frame_id, step in enumerate(steps, start=state.num_frames):
            is_blank = bool(step.beam.blank[0, 0] >= step.beam.token[0, 0])
            blanks = blanks + 1 if is_blank else 0
            last = int(step.beam.last[0, 0])
            started = frame_id if started is None and last != BLANK_ID else started
        return replace(
            state,
            beam=beam,
            links=(*state.links, *((step.sources[0], step.tokens[0]) for step in steps)),
            frames=(*state.frames, *log_probs.double().cpu().numpy()),
            num_frames=state.num_frames + len(steps),
            num_blanks=blanks,
            started=started,
            in_utterance=state.in_utterance + len(steps),
            last_token=last,
        )

    def finish(self, state: BeamState) -> tuple[Path, BeamState]:
        """The path of the open utterance, and the state of the next."""
        after = self._begun(state.beam.blank.device, state.num_frames)
        totals = self._ended(state.beam, 0)
        order = totals.argsort(descending=True, stable=True).tolist()
        places = [place for place in order if float(totals[place]) > POSSIBLE]
        if not places:
            return replace(NO_TOKENS, blank_prob=0.0), after
        before = state.stable.tokens
        tried = places if self.num_best > 1 or self.rescore else places[:1]
        candidates = self._ranked([Candidate((*before, *state.text(place)), float(totals[place])) for place in tried])
        path = state.with_tokens(candidates[0].tokens[len(before) :])
        return self._with_alternatives(path, candidates), after

    def _begun(self, device: torch.device, num_frames: int) -> BeamState:
        beam = search.begin(self.scorer, 1, self.width, device)
        return BeamState(beam, ((),) * self.width, num_frames=num_frames)


def _settled(state: BeamState) -> BeamState:
    """With the tokens that all hypotheses share made stable, but for the last of them, which may go on."""
    texts = tuple(map(state.text, range(len(state.texts))))
    alive = (state.beam.totals()[0] > POSSIBLE).nonzero().flatten().tolist() or [0]
    common = 0
    while all(len(texts[at]) > common and texts[at][common] == texts[alive[0]][common] for at in alive):
        common += 1
    held = replace(state, texts=texts, links=())
    if common < 2:
        return held
    best, count = state.best, len(state.stable.tokens) + common - 1
    cut = best.starts[count]
    return replace(
        held,
        stable=Path(best.tokens[:count], best.starts[:count], best.ends[:count], best.probs[:count], best.blank_prob),
        texts=tuple(text[common - 1 :] for text in texts),
        frames=state.frames[cut - state.num_frames + len(state.frames) :],
    )
