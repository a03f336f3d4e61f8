"""What tests of several devices share: copies elsewhere, tolerances, and a GPU that is only pretended."""

import copy
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, TypeVar

import torch
from torch import Tensor, nn
from torch._subclasses.fake_tensor import FakeTensorMode, unset_fake_temporarily

from crnn_audio.types import AudioBatch, SpeechBatch

Module = TypeVar("Module", bound=nn.Module)

CPU = torch.device("cpu")
TOLERANCES = {torch.float64: 1e-9, torch.float32: 2e-5}
"""Share of the largest log-probability or gradient that one may differ by, without TF32; rounding alone moved 2e-6."""


def twin(module: Module, device: torch.device) -> Module:
    """A copy on a device."""
    return copy.deepcopy(module).to(device)


def sound_on(device: torch.device, speech: SpeechBatch, dtype: torch.dtype = torch.float32) -> AudioBatch:
    """A batch's sound on a device."""
    audio = speech.to(device).audio
    return AudioBatch(audio.waveforms.to(dtype), audio.lengths, audio.sample_rate)


def assert_near(found: Tensor, wanted: Tensor, tolerance: float, device: torch.device) -> None:
    """`found`, which is on `device`, differs from the CPU's by no more than that share of the largest number."""
    assert found.device.type == device.type
    assert found.dtype == wanted.dtype
    scale = max(float(wanted.detach().abs().max()), 1.0)
    torch.testing.assert_close(found.cpu(), wanted, rtol=0, atol=tolerance * scale)


@contextmanager
def pretended_gpu() -> Iterator[Callable[[Any], Any]]:
    """A function that puts a tensor or a module on a GPU that is not there.

    Tensors there have devices, shapes and types but no numbers; an operation on tensors of two devices fails as on a
    real one. Cells run without cuDNN, which would look for the GPU.
    """
    mode = FakeTensorMode()

    def put(what: Any) -> Any:
        if isinstance(what, nn.Module):
            return what._apply(put)
        with unset_fake_temporarily():
            pretended = mode.from_tensor(what)
        return pretended.to("cuda")

    with torch.backends.cudnn.flags(enabled=False), mode:
        yield put
