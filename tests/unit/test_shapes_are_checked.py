"""Every test run checks the shapes in the annotations, in the workers of pytest-xdist too."""

import pytest
import torch
from jaxtyping import TypeCheckError

from crnn_audio import lengths
from crnn_audio.hypotheses import Word
from crnn_audio.types import Encoded


def test_wrong_number_of_axes_is_refused() -> None:
    with pytest.raises(TypeCheckError):
        lengths.masked(torch.zeros(2, 3, 4), torch.zeros(2, 1, dtype=torch.int64))


def test_axes_of_one_name_must_agree() -> None:
    with pytest.raises(TypeCheckError):
        lengths.masked(torch.zeros(2, 3, 4), torch.tensor([3, 3, 3]))


def test_dataclasses_are_checked() -> None:
    with pytest.raises(TypeCheckError):
        Encoded(torch.zeros(2, 3), torch.tensor([3, 3]))


def test_an_int_may_stand_for_a_float() -> None:
    assert Word("a", start=0, end=1, confidence=1).end == 1
