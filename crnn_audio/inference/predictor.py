"""A trained model of piano rolls: what sounds next, and how likely a given piece is."""

import numpy as np
import torch
from jaxtyping import Float

from crnn_audio.batching.rolls import batch
from crnn_audio.batching.rows import Span
from crnn_audio.models.crnn import Carry
from crnn_audio.runs import Run
from crnn_audio.symbolic.pianoroll import Roll
from crnn_audio.tasks.next_frame import NextFrame


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
        whole = batch([roll], [""], [Span(0, 0, len(roll) - 1)]).to(self.device)
        drive = self.task(whole.heard, whole.lengths)
        losses: np.ndarray = self.task.losses(drive, whole.next, whole.lengths)[0].cpu().numpy()
        return losses

    @torch.inference_mode()
    def step(self, frames: Roll, carry: Carry | None = None) -> tuple[Float[np.ndarray, "T 88"], Carry]:
        """For the next frames of a running piece, each key's chance to sound after each of them; and the state then.

        Of a joint head it is the chance whatever the other keys do, as far as 128 draws tell.
        """
        heard = torch.from_numpy(frames).to(self.device, torch.float32).unsqueeze(0)
        drive, carry = self.task.step(heard, carry)
        return self.task.head.chances(drive)[0].cpu().numpy(), carry
