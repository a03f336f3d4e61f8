"""Too little memory is an error of one line with advice; other errors pass as they are."""

import pytest
import torch

from crnn_audio.errors import RecipeError, enough_memory


def test_too_little_memory_is_reported_in_a_line() -> None:
    with pytest.raises(RecipeError, match=r"^Out of memory \(.*\): take less\.$"), enough_memory("take less"):
        torch.zeros(1 << 50)
    with pytest.raises(RecipeError, match=r"^Out of memory \(MemoryError\): take less\.$"), enough_memory("take less"):
        raise MemoryError
    with pytest.raises(RecipeError, match="CUDA out of memory"), enough_memory("take less"):
        raise torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 2.00 GiB.\nmore")


def test_another_error_stays_what_it_is() -> None:
    with pytest.raises(RuntimeError, match="mat1 and mat2"), enough_memory("take less"):
        torch.zeros(1, 2) @ torch.zeros(3, 4)
    with pytest.raises(KeyError), enough_memory("take less"):
        {}["memory"]
