"""A trained model of piano rolls: what sounds next, and how likely a given piece is."""

from dataclasses import dataclass

import numpy as np
import torch
from jaxtyping import Float

from crnn_audio.batching.rolls import all_heard, batch, hear, nothing_yet
from crnn_audio.batching.rows import Span
from crnn_audio.models.crnn import Carry
from crnn_audio.runs import Run
from crnn_audio.symbolic.pianoroll import Roll
from crnn_audio.symbolic.recall import Recall
from crnn_audio.tasks.next_frame import NextFrame


@dataclass(frozen=True)
class Running:
    """All that a running piece needs to go on: the network's state, and the frames so far if it recalls them."""

    carry: Carry
    recall: Recall | None


class Predictor:
    """Reads piano rolls and foretells them; `crnn_audio.load` makes one."""

    def __init__(self, run: Run, task: NextFrame) -> None:
        self.run = run
        self.task = task.eval()
        self.device = next(task.model.parameters()).device

    @torch.inference_mode()
    def score(self, roll: Roll) -> Float[np.ndarray, " N"]:
        """The negative log-likelihood in nats of each frame but the first, given all before it."""
        if len(roll) < 2:
            return np.zeros(0, dtype=np.float32)
        heard = all_heard([roll], self.run.rolls.data.copy_context)
        whole = batch([roll], [""], [Span(0, 0, len(roll) - 1)], heard).to(self.device)
        drive = self.task(whole.heard, whole.lengths)
        losses: np.ndarray = self.task.losses(drive, whole.next, whole.lengths)[0].cpu().numpy()
        return losses

    @torch.inference_mode()
    def step(self, frames: Roll, running: Running | None = None) -> tuple[Float[np.ndarray, "T 88"], Running]:
        """For the next frames of a running piece, each key's chance to sound after each of them; and the state then.

        Of a joint head it is the chance whatever the other keys do, as far as 128 draws tell.
        """
        begun = nothing_yet() if self.run.rolls.data.copy_context else None
        sound, recall = hear(frames, running.recall if running else begun)
        heard = torch.from_numpy(sound).to(self.device).unsqueeze(0)
        drive, carry = self.task.step(heard, running.carry if running else None)
        return self.task.head.chances(drive)[0].cpu().numpy(), Running(carry, recall)
