"""Law 13 where there is no GPU: on a pretended one, nothing is left behind on the CPU, and no cell runs in float16."""

import pytest
import torch
from torch import nn

from crnn_audio.features import stream as sound_stream
from crnn_audio.features.spectrogram import Fbank
from crnn_audio.models.cells import RecurrentCell
from crnn_audio.training import optim
from crnn_audio.types import AudioBatch, SpeechBatch, TokenBatch
from tests.invariants.devices import pretended_gpu
from tests.invariants.small import CELLS, RECURRENT, crnn
from tests.invariants.test_gpu import task_of
from tests.invariants.test_precision import batch, dtypes

PRETENDED = [kind for kind in CELLS if kind != "gru"]
"""A GRU's kernel cannot be pretended."""


def test_two_devices_do_not_mix() -> None:
    """Or nothing below would prove anything."""
    with pretended_gpu() as put, pytest.raises(RuntimeError, match="two different devices"):
        put(torch.ones(3)) + torch.ones(3)


@pytest.mark.parametrize("normalize", ["global", "utterance", "none"])
@pytest.mark.parametrize("kind", ["fbank", "log_mel", "mfcc"])
def test_nothing_of_a_loss_is_left_behind(kind: str, normalize: str, monkeypatch: pytest.MonkeyPatch) -> None:
    def ctc_loss(log_probs, targets, input_lengths, target_lengths, **options):  # torch's own asks for a real GPU
        return log_probs.sum((0, 2)) + targets.sum(1) + input_lengths + target_lengths

    monkeypatch.setattr(nn.functional, "ctc_loss", ctc_loss)
    speech, task = batch(), task_of(kind, normalize).train()
    task.consistency = 0.2
    with pretended_gpu() as put:
        put(task)
        audio = AudioBatch(put(speech.audio.waveforms), put(speech.audio.lengths), speech.audio.sample_rate)
        targets = TokenBatch(put(speech.targets.tokens), put(speech.targets.lengths))
        loss = task.loss(SpeechBatch(audio, targets, speech.cut_ids, speech.keys, 0))
        average = optim.AveragedWeights(task.model, 0.9)
        average.update(1)
        assert {one.device.type for one in (loss, *average.weights.values())} == {"cuda"}


@pytest.mark.parametrize("kind", PRETENDED)
@torch.no_grad()
def test_nothing_of_a_stream_is_left_behind(kind: str) -> None:
    model, front_end, sound, carry = crnn(kind, inner=True, look_ahead=2).float(), Fbank(8000, 9), None, None
    with pretended_gpu() as put:
        put(model)
        put(front_end)
        for count, last in ((900, False), (700, False), (0, True)):
            samples = torch.zeros(1, count, device="cuda")
            frames, sound = sound_stream.step(front_end, samples, sound, last=last)
            log_probs, carry = model.step(frames, carry, last=last)
            assert {one.device.type for one in (log_probs, *carry.front, *carry.recurrent)} == {"cuda"}


@pytest.mark.parametrize("kind", [kind for kind in PRETENDED if kind in RECURRENT])
def test_cells_run_in_float32_where_autocast_would_take_float16(kind: str) -> None:
    """As PyTorch 2.11 takes for cuDNN's cells, though it is given bfloat16."""
    cell = RecurrentCell(3, 4, RECURRENT[kind], kind if RECURRENT[kind] == "rnn" else "tanh")
    frames = torch.randn(2, 5, 3).bfloat16()
    with pretended_gpu() as put, dtypes() as noted:
        torch.set_autocast_dtype("cuda", torch.bfloat16)  # torch.autocast would look for the GPU
        torch.set_autocast_enabled("cuda", True)
        try:
            output, state = put(cell)(put(frames), None)
        finally:
            torch.set_autocast_enabled("cuda", False)
    assert {one.dtype for one in (output, *state)} == {torch.float32}
    assert noted.of("mm") == {torch.float32}
