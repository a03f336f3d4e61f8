"""What every decoder does: from log-probabilities to the tokens of a path, for whole utterances and for streams."""

from typing import Protocol, TypeVar, runtime_checkable

from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.paths import DecoderState, Path
from crnn_audio.errors import DIVERGED, RunError

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


def refuse_nan(log_probs: Float[Tensor, "*B U V"], model: object = "") -> None:
    """Refuses what weights that are not numbers give.

    Raises:
        RunError: a log-probability is NaN; the message names the model.
    """
    if log_probs.isnan().any():
        raise RunError(f"{model}: {DIVERGED}" if model else DIVERGED)
