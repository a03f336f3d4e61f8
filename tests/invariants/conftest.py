"""Where a law is tried: on the CPU, and on a GPU where there is one."""

from collections.abc import Iterator

import pytest
import torch


@pytest.fixture(params=["cpu", pytest.param("cuda", marks=pytest.mark.gpu)])
def device(request: pytest.FixtureRequest) -> torch.device:
    """What is compared with the CPU: the CPU itself, which tells that the test's body works, and a GPU."""
    return torch.device(request.param)


@pytest.fixture
def without_tf32() -> Iterator[None]:
    """Convolutions and cells in full float32 on a GPU, where PyTorch would round their factors to 10 bits."""
    with torch.backends.cudnn.flags(enabled=True, deterministic=True, allow_tf32=False):
        yield
