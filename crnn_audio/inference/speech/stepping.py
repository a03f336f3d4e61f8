"""Live sound through a one-directional task: what each block makes it say, and the state between blocks."""

import numpy as np
import torch
from jaxtyping import Float
from torch import Tensor

from crnn_audio.errors import StreamError
from crnn_audio.features import stream as sound_stream
from crnn_audio.features.stream import SoundCarry
from crnn_audio.inference.speech.blocks import Blocks
from crnn_audio.models.crnn import Carry
from crnn_audio.tasks.sound import SoundTask


class LiveTask:
    """A task that reads one stream; several streams may run on one task at a time.

    Args:
        sample_rate: of the blocks, in samples per second.
        verb: what reads whole recordings instead, for the message that the model cannot stream.

    Raises:
        StreamError: the model or its features need the whole recording, or there is no such sample rate.
    """

    def __init__(self, task: SoundTask, sample_rate: int, verb: str) -> None:
        self.blocks = Blocks(sample_rate, task.front_end.sample_rate)
        if task.model.recurrent.bidirectional:
            raise StreamError(
                f"this model is bidirectional and cannot stream. Train a one-directional recipe, or use {verb}."
            )
        sound_stream.refuse_unless_streamable(task.front_end, task.normalizer)
        self.task = task
        self._sound: SoundCarry | None = None
        self._carry: Carry | None = None

    @torch.inference_mode()
    def outputs(self, block: np.ndarray, *, last: bool) -> Float[Tensor, "u V"]:
        """The outputs of the next frames.

        Raises:
            StreamError: as `Blocks.take`.
        """
        samples = torch.from_numpy(self.blocks.take(block, last=last)).unsqueeze(0).to(self.task.device)
        features, self._sound = sound_stream.step(self.task.front_end, samples, self._sound, last=last)
        lengths = torch.tensor([features.shape[1]], device=features.device)
        new, self._carry = self.task.step(self.task.normalizer(features, lengths), self._carry, last=last)
        return new[0]
