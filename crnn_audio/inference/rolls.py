"""A trained model of piano rolls: predicts the next frame, and scores given pieces."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from crnn_audio.batching.rolls import Rolls, copy_context_of_nothing, inputs_of
from crnn_audio.batching.sequence import whole
from crnn_audio.models.crnn import Carry
from crnn_audio.models.heads import SigmoidHead
from crnn_audio.models.nade import NadeHead
from crnn_audio.runs import Run
from crnn_audio.symbolic.copy_context import CopyContext
from crnn_audio.symbolic.pianoroll import Roll
from crnn_audio.tasks.prediction import Prediction


@dataclass(frozen=True)
class Running:
    """All that a running piece needs to go on: the network's state, and the frames so far if it recalls them."""

    carry: Carry
    copy_context: CopyContext | None


class Predictor:
    """Predicts piano rolls, and scores given ones; `crnn_audio.load` makes one."""

    def __init__(self, run: Run, task: Prediction, *, copy_context: bool) -> None:
        self.run = run
        self.copy_context = copy_context
        self.task = task.eval()
        self.device = next(task.model.parameters()).device

    @torch.inference_mode()
    def score(self, roll: Roll) -> Float[np.ndarray, " N"]:
        """The negative log-likelihood in nats of each frame but the first, given all before it."""
        if len(roll) < 2:
            return np.zeros(0, dtype=np.float32)
        (batch,) = whole(Rolls.of([roll], [""], copy_context=self.copy_context), 1)
        losses: np.ndarray = self.task.losses(batch.to(self.device))[0][0].cpu().numpy()
        return losses

    @torch.inference_mode()
    def step(self, frames: Roll, running: Running | None = None) -> tuple[Float[np.ndarray, "T 88"], Running]:
        """The probability of each key to sound after each of these next frames of a running piece; and the state then.

        With a joint head these are marginal probabilities, estimated from 128 samples.
        """
        head = self.task.head
        assert isinstance(head, SigmoidHead | NadeHead), "a model of piano rolls predicts keys"
        before = copy_context_of_nothing() if self.copy_context else None
        inputs, copy_context = inputs_of(frames, running.copy_context if running else before)
        batch = torch.from_numpy(inputs).to(self.device).unsqueeze(0)
        outputs, carry = self.task.step(batch, running.carry if running else None)
        return head.probabilities(outputs)[0].cpu().numpy(), Running(carry, copy_context)
