"""Decoding with a graph: the likeliest of all that may be said, exactly, for whole utterances and for streams.

A stream is decoded as a whole is. Every `PIECE` frames it is looked for what all paths that are left have in common;
that is stable. Paths that are `MARGIN` nats behind the best are left then, and where nothing is stable for
`LONGEST` frames, the best path's beginning is taken as it is: so memory is bounded.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import torch
from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.decoder import refuse_nan
from crnn_audio.decoding.graph import search
from crnn_audio.decoding.graph.search import Trace
from crnn_audio.decoding.graph.topology import CtcGraph
from crnn_audio.decoding.greedy import BLANK_ID, NO_TOKENS
from crnn_audio.decoding.paths import Path

PIECE, LONGEST = 250, 1500
MARGIN = 60.0
CELLS = 2**24
"""Scores of states that are kept at once, in a batch."""
FILLER = -2
"""The output of arcs of other speech: their tokens become one unknown token."""
UNKNOWN_ID = 1


@dataclass(frozen=True)
class GraphPath:
    """The best path of an utterance.

    Attributes:
        path: its tokens; none where nothing that may be said fits into its frames.
        outputs: what arcs say besides, each with the frame it was entered in.
        score: its log-probability, weights included; -inf where there is no path.
    """

    path: Path
    outputs: tuple[tuple[int, int], ...]
    score: float


NOTHING = GraphPath(replace(NO_TOKENS, blank_prob=0.0), (), -math.inf)


@dataclass(frozen=True, eq=False)
class GraphState:
    """Where a stream is.

    Attributes:
        graph: what is searched.
        stable: the path up to `scores`, which later frames do not change.
        outputs: those of the stable path.
        scores, frames: of all states, and the log-probabilities, in each frame after it.
        num_frames: since the start of the stream.
        num_blanks: frames in which the best state was a blank, up to now.
        started: the first frame whose best state was a token.
        in_utterance: frames of this utterance.
        entered: the state in which the stable path ends, -1 before it begins.
        free: the log-probability of the likeliest labels of all frames of this utterance.
    """

    graph: CtcGraph
    stable: Path = NO_TOKENS
    outputs: tuple[tuple[int, int], ...] = ()
    scores: tuple[Float[Tensor, " S"], ...] = ()
    frames: tuple[Float[Tensor, " V"], ...] = ()
    num_frames: int = 0
    num_blanks: int = 0
    started: int | None = None
    in_utterance: int = 0
    entered: int = -1
    free: float = 0.0
    last_token: int = BLANK_ID

    @property
    def path(self) -> Path:
        """The stable output of the open utterance."""
        return self.stable

    @property
    def best(self) -> Path:
        """The likeliest path so far, whether it may end here or not."""
        if not self.scores:
            return self.stable
        return _extended(self, len(self.scores), int(self.scores[-1].argmax())).stable


class GraphDecoder:
    """The best path through a graph; stateless, so that one serves several streams.

    Args:
        graph: what may be said.
        model: what computes the log-probabilities, for the message that it computes none.
    """

    def __init__(self, graph: CtcGraph, model: object = "") -> None:
        self.graph = graph
        self.model = model

    def decode(self, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> list[Path]:
        """The path of each utterance; without tokens where nothing that may be said fits.

        Raises:
            RunError: a log-probability is NaN.
        """
        return [found.path for found in self.search(log_probs, lengths)]

    def search(self, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> list[GraphPath]:
        """The same with outputs and scores.

        Raises:
            RunError: a log-probability is NaN.
        """
        ends = lengths.tolist()
        found: list[GraphPath] = [NOTHING] * len(ends)
        short = [row for row, length in enumerate(ends) if 0 < length <= PIECE]
        for row, length in enumerate(ends):
            if length > PIECE:
                state = self.step(log_probs[row, :length], None)
                found[row] = self._finished(state)
            elif length == 0:
                found[row] = GraphPath(NO_TOKENS, (), 0.0)
        rows = max(CELLS // (self.graph.num_states * max((ends[row] for row in short), default=1)), 1)
        for begin in range(0, len(short), rows):
            part = short[begin : begin + rows]
            for row, path in zip(part, self._searched(log_probs[part], [ends[row] for row in part]), strict=True):
                found[row] = path
        return found

    def _searched(self, log_probs: Float[Tensor, "B U V"], ends: Sequence[int]) -> list[GraphPath]:
        log_probs = log_probs[:, : max(ends)].to(self.graph.initial.dtype)
        for row, length in enumerate(ends):
            refuse_nan(log_probs[row, :length], self.model)
        scores = torch.stack(list(search.forward(self.graph, log_probs))).permute(2, 0, 1).contiguous()
        frames, finals = log_probs.cpu().numpy(), self.graph.finals
        found = []
        for row, length in enumerate(ends):
            ending = scores[row, length - 1] + finals
            state, held = int(ending.argmax()), scores[row, :length].cpu().numpy()
            score = float(ending[state])
            if score == -math.inf:
                found.append(NOTHING)
                continue
            trace = search.back(self.graph, list(held), state)
            path, outputs = spelled(self.graph, trace, frames[row, :length], 0, NO_TOKENS, (), -1)
            free = sum(frames[row, :length].max(axis=1).tolist())
            found.append(_compared(path, outputs, score, free))
        return found

    def step(self, log_probs: Float[Tensor, "u V"], state: GraphState | None) -> GraphState:
        """The state after the next frames of a stream; None begins one.

        Raises:
            RunError: a log-probability is NaN.
        """
        state = state or GraphState(self.graph)
        log_probs = log_probs.to(self.graph.initial.dtype)
        refuse_nan(log_probs, self.model)
        begin = 0
        while begin < len(log_probs):
            count = min(PIECE - state.in_utterance % PIECE, len(log_probs) - begin)
            state = self._advanced(state, log_probs[begin : begin + count])
            begin += count
            if state.in_utterance % PIECE == 0:
                state = _pruned(state)
        return state

    def _advanced(self, state: GraphState, log_probs: Float[Tensor, "u V"]) -> GraphState:
        scores = state.scores[-1].unsqueeze(1) if state.scores else None
        added, bests = list[Tensor](), list[Tensor]()
        for frame in log_probs.unsqueeze(-1):
            scores = search.first(self.graph, frame) if scores is None else search.following(self.graph, scores, frame)
            added.append(scores[:, 0])
            bests.append(scores[:, 0].argmax())
        blanks, started, last = state.num_blanks, state.started, state.last_token
        for frame, best in enumerate(torch.stack(bests).tolist(), start=state.num_frames):
            blank = int(self.graph.labels[best]) == BLANK_ID
            blanks = blanks + 1 if blank else 0
            started = frame if started is None and not blank else started
            last = int(self.graph.last[best])
        return replace(
            state,
            scores=(*state.scores, *added),
            frames=(*state.frames, *log_probs),
            num_frames=state.num_frames + len(added),
            num_blanks=blanks,
            started=started,
            last_token=last,
            free=sum(log_probs.amax(dim=1).tolist(), start=state.free),
            in_utterance=state.in_utterance + len(added),
        )

    def finish(self, state: GraphState) -> tuple[Path, GraphState]:
        """The path of the open utterance, and the state of the next."""
        return self._finished(state).path, GraphState(self.graph, num_frames=state.num_frames)

    def _finished(self, state: GraphState) -> GraphPath:
        if not state.scores:
            return GraphPath(state.stable, state.outputs, 0.0)
        ending = state.scores[-1] + self.graph.finals
        best = int(ending.argmax())
        score = float(ending[best])
        if score == -math.inf:
            return NOTHING
        whole = _extended(state, len(state.scores), best)
        return _compared(whole.stable, whole.outputs, score, state.free)


def _compared(path: Path, outputs: tuple[tuple[int, int], ...], score: float, free: float) -> GraphPath:
    """With the outputs and the margin in the path too."""
    said = tuple(output for output, _ in outputs)
    return GraphPath(replace(path, outputs=said, margin=score - free), outputs, score)


def _extended(state: GraphState, count: int, end: int) -> GraphState:
    """With the first `count` frames that are open made stable, by the best path to the state `end` after them."""
    held = [scores.cpu().numpy() for scores in state.scores[:count]]
    begins = state.entered < 0
    if begins:
        trace = search.back(state.graph, held, end)
    else:  # the state before the first of them is known
        before = np.full(state.graph.num_states, -np.inf, dtype=held[0].dtype)
        before[state.entered] = 0.0
        trace = search.back(state.graph, [before, *held], end, begins=False)
        trace = Trace(trace.states[1:], trace.outputs[1:])
    frames = np.stack([frame.cpu().numpy() for frame in state.frames[:count]])
    offset = state.num_frames - len(state.frames)
    path, outputs = spelled(state.graph, trace, frames, offset, state.stable, state.outputs, state.entered)
    return replace(
        state,
        stable=path,
        outputs=outputs,
        scores=state.scores[count:],
        frames=state.frames[count:],
        entered=end,
    )


def spelled(
    graph: CtcGraph,
    trace: Trace,
    log_probs: Float[np.ndarray, "T V"],
    offset: int,
    path: Path,
    outputs: tuple[tuple[int, int], ...],
    before: int,
) -> tuple[Path, tuple[tuple[int, int], ...]]:
    """A path and its outputs, extended by a trace that begins at frame `offset` after the state `before`."""
    tokens, starts, ends, probs = list(path.tokens), list(path.starts), list(path.ends), list(path.probs)
    blank_prob, said, labels = path.blank_prob, list(outputs), graph.labels.cpu().numpy()[trace.states]
    emitted = np.exp(log_probs[np.arange(len(labels)), labels])
    entered = trace.states != np.concatenate([[before], trace.states[:-1]])
    for index, (label, prob) in enumerate(zip(labels.tolist(), emitted.tolist(), strict=True)):
        frame, output = offset + index, int(trace.outputs[index])
        if output >= 0:
            said.append((output, frame))
        if label == BLANK_ID:
            blank_prob = min(blank_prob, prob)
        elif output == FILLER and tokens and tokens[-1] == UNKNOWN_ID:
            ends[-1], probs[-1] = frame + 1, min(probs[-1], prob)
        elif entered[index]:
            tokens.append(UNKNOWN_ID if output == FILLER else label)
            starts.append(frame)
            ends.append(frame + 1)
            probs.append(prob)
        else:
            ends[-1], probs[-1] = frame + 1, max(probs[-1], prob)
    return Path(tuple(tokens), tuple(starts), tuple(ends), tuple(probs), blank_prob), tuple(said)


def _pruned(state: GraphState) -> GraphState:
    """With what is far behind left, and with the beginning made stable that all others have in common."""
    last = state.scores[-1]
    alive = last >= last.max() - MARGIN
    chosen = alive.nonzero().flatten()
    forced = len(state.scores) - PIECE if len(state.scores) >= LONGEST else 0
    common, ancestors = _common(state, chosen.cpu().numpy(), forced)
    if ancestors is not None:  # nothing else helps: only what the best path began with goes on
        ending = last[chosen] + state.graph.finals[chosen]
        best = ancestors[int((ending if ending.max() > -math.inf else last[chosen]).argmax())]
        alive[chosen[torch.as_tensor(ancestors != best, device=chosen.device)]] = False
        common = (forced, int(best))
    state = replace(state, scores=(*state.scores[:-1], last.masked_fill(~alive, -math.inf)))
    if common is None or common[0] == len(state.scores):
        return state
    return _extended(state, *common)


def _common(
    state: GraphState, chosen: Int[np.ndarray, " K"], forced: int
) -> tuple[tuple[int, int] | None, Int[np.ndarray, " K"] | None]:
    """How many of the open frames all paths to the chosen states share, and the state that they are in after these.

    Or, if they share none of the first `forced` frames, the state of each path after these.
    """
    graph = state.graph
    current = chosen
    for count in range(len(state.scores) - 1, max(forced, 1) - 1, -1):
        before = state.scores[count - 1].unsqueeze(1)
        current = _sources(graph, before)[current]
        if (current == current[0]).all():
            return (count, int(current[0])), None
    return None, current if forced else None


def _sources(graph: CtcGraph, scores: Float[Tensor, "S 1"]) -> Int[np.ndarray, " S"]:
    """Of each state, the one before it that the best path to it comes from."""
    parts = []
    for group in graph.groups:
        num_states, width = group.weights.shape[:2]
        sources = group.sources.view(num_states, width)
        slots = (scores[:, 0][sources] + group.weights[..., 0]).argmax(dim=1, keepdim=True)
        parts.append(sources.gather(1, slots)[:, 0])
    return torch.cat(parts).cpu().numpy()
