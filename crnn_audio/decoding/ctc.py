"""Greedy decoding of tensors of log-probabilities; what it finds, `greedy` describes."""

from jaxtyping import Float, Int
from torch import Tensor

from crnn_audio.decoding.greedy import GreedyState
from crnn_audio.decoding.paths import Path


class Greedy:
    """The likeliest token of each frame, repeats merged, blanks dropped; all of its output is stable at once.

    Args:
        model: what computes the log-probabilities, for the message that it computes none.
    """

    def __init__(self, model: object = "") -> None:
        self.model = model

    def decode(self, log_probs: Float[Tensor, "B U V"], lengths: Int[Tensor, " B"]) -> list[Path]:
        """The path of each utterance; frames past `lengths` are not looked at.

        Raises:
            RunError: a log-probability is NaN.
        """
        best, ids = log_probs.max(dim=-1)
        frame_probs, frame_ids = best.exp().tolist(), ids.tolist()
        return [
            GreedyState().extended(frame_ids[item][:length], frame_probs[item][:length], self.model).path
            for item, length in enumerate(lengths.tolist())
        ]

    def step(self, log_probs: Float[Tensor, "u V"], state: GreedyState | None) -> GreedyState:
        """The state after the next frames of a stream; None begins one.

        Raises:
            RunError: a log-probability is NaN.
        """
        best, ids = log_probs.max(dim=-1)
        return (state or GreedyState()).extended(ids.tolist(), best.exp().tolist(), self.model)

    def finish(self, state: GreedyState) -> tuple[Path, GreedyState]:
        """The path of the open utterance, and the state of the next: a token across the cut is not repeated."""
        return state.finished()
