"""What every decoder does: from log-probabilities to the tokens of a path, for whole utterances and for streams."""

from dataclasses import dataclass
from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor


@dataclass(frozen=True)
class Path:
    """A decoded token sequence; token i holds frames `starts[i]` to `ends[i]` (exclusive) with probability `probs[i]`.

    `blank_prob` is the lowest probability among the frames taken as blank (1 if there are none): how sure it is that
    nothing was left out.
    """

    tokens: tuple[int, ...]
    starts: tuple[int, ...]
    ends: tuple[int, ...]
    probs: tuple[float, ...]
    blank_prob: float


@runtime_checkable
class DecoderState(Protocol):
    """Where a decoder is in a stream. A state is a value: decoding on from it leaves it as it is."""

    @property
    def path(self) -> Path:
        """The stable output of the open utterance, which later frames extend but never revise."""

    @property
    def num_frames(self) -> int:
        """Frames decoded since the start of the stream."""

    @property
    def num_blanks(self) -> int:
        """Blank frames since the last token."""


State = TypeVar("State", bound=DecoderState)


@runtime_checkable
class Decoder(Protocol[State]):
    """Finds token sequences in log-probabilities; stateless itself, so that one serves several streams."""

    def decode(self, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> list[Path]:
        """The path of each utterance; frames past `lengths` are not looked at.

        Raises:
            RunError: a log-probability is NaN.
        """

    def step(self, log_probs: Float[Tensor, "u V"], state: State | None) -> State:
        """The state after the next frames of a stream; None begins one.

        Raises:
            RunError: a log-probability is NaN.
        """

    def finish(self, state: State) -> tuple[Path, State]:
        """The whole path of the open utterance, and the state in which the next utterance of the stream begins."""
