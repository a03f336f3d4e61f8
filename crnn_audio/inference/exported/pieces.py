"""Running sequences through a graph of pieces, several at a time: each with its own state, start and end."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float

NO_END = 2**40
"""The length of a sequence whose end is not known yet."""


@dataclass(frozen=True, eq=False)
class Stack:
    """The states of sequences that were last stepped together, one a row."""

    states: list[np.ndarray]
    rows: tuple[int, ...]


@dataclass(eq=False)
class Running:
    """One sequence: frames that wait, its state, and how far it is.

    Args:
        begin: index of the first frame that waits.
        length: frames of the whole sequence, once it has ended.
        outputs: how many have been computed, those of the delay among them.
    """

    frames: Float[np.ndarray, "T F"]
    begin: int = 0
    length: int = NO_END
    outputs: int = 0
    stack: Stack | None = None
    row: int = 0


class PieceGraph:
    """A graph of pieces, and how it is called: see `export.recognition.Pieces`."""

    def __init__(self, session: Any, facts: dict[str, Any], num_features: int) -> None:
        self.session = session
        self.shift, self.overlap, self.delay = int(facts["shift"]), int(facts["overlap"]), int(facts["delay"])
        self.shapes = [tuple(map(int, shape)) for shape in facts["states"]]
        self.num_features = num_features

    def start(self) -> Running:
        """A sequence that has not begun."""
        return Running(np.zeros((0, self.num_features), np.float32))

    def add(self, running: Running, frames: Float[np.ndarray, "T F"]) -> None:
        """The next frames of a sequence."""
        running.frames = np.concatenate([running.frames, frames]) if len(running.frames) else frames

    def end(self, running: Running, num_outputs: int) -> None:
        """A sequence has all its frames, of which so many outputs come."""
        running.length = running.begin + len(running.frames)
        needed = (num_outputs + self.delay - running.outputs) * self.shift + self.overlap
        padding = np.zeros((max(needed - len(running.frames), 0), self.num_features), np.float32)
        running.frames = np.concatenate([running.frames, padding])

    def ready(self, running: Running) -> int:
        """How many outputs the frames that wait are enough for."""
        return max(len(running.frames) - self.overlap, 0) // self.shift

    def advance(self, together: Sequence[Running], least: int = 1) -> list[Float[np.ndarray, "u V"]]:
        """The outputs that the frames of each sequence make possible, in their order.

        Args:
            least: outputs for which frames must be there before a sequence that has not ended is stepped.
        """
        found: list[list[np.ndarray]] = [[] for _ in together]
        while waiting := [
            index for index, one in enumerate(together) if self.ready(one) >= (least if one.length == NO_END else 1)
        ]:
            chosen = [together[index] for index in waiting]
            outputs = self._step(chosen, min(map(self.ready, chosen)))
            for index, running, new in zip(waiting, chosen, outputs, strict=True):
                late = min(max(self.delay - running.outputs, 0), len(new))
                running.outputs += len(new)
                found[index].append(new[late:])
        return [np.concatenate(parts) if parts else np.zeros((0, 1), np.float32) for parts in found]

    def _step(self, together: Sequence[Running], count: int) -> np.ndarray:
        """One call of the graph: `count` outputs of each."""
        size = count * self.shift
        feed: dict[str, np.ndarray] = {
            "x": np.stack([one.frames[: size + self.overlap] for one in together]),
            "begins": np.array([one.begin for one in together], np.int64),
            "ends": np.array([one.length for one in together], np.int64),
        }
        feed |= {f"state{index}": state for index, state in enumerate(self._states(together))}
        outputs, *after = self.session.run(None, feed)
        stack = Stack(after, tuple(range(len(together))))
        for row, one in enumerate(together):
            one.stack, one.row = stack, row
            one.begin += size
            one.frames = one.frames[size:]
        return np.asarray(outputs)

    def _states(self, together: Sequence[Running]) -> list[np.ndarray]:
        """Their states, stacked; those of the last step as they are, if the same sequences go on."""
        stack = together[0].stack
        rows = tuple(one.row for one in together)
        if stack is not None and stack.rows == rows and all(one.stack is stack for one in together):
            return stack.states
        return [
            np.stack(
                [one.stack.states[index][one.row] if one.stack else np.zeros(shape, np.float32) for one in together]
            )
            for index, shape in enumerate(self.shapes)
        ]
