"""Law 1: whatever lies beside an utterance, and whatever it is padded with, its result stays the same."""

import itertools
import math
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from crnn_audio import build
from crnn_audio.config.load import loads
from crnn_audio.config.schema import Recipe
from crnn_audio.decoding.ctc import greedy
from crnn_audio.inference import recognizer
from crnn_audio.inference.recognizer import Recognizer
from crnn_audio.runs import Run
from crnn_audio.tasks.recognition import Recognition
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch, Hypothesis
from tests.invariants.small import CELLS, STACKS, TIMES, crnn, features, moved, padded

LENGTHS = [19, 0, 40, 3, 1, 27, 2]
GARBAGE = {"zeros": 0.0, "nan": math.nan, "huge": 1e30, "inf": -math.inf}


# ---------------------------------------------------------------------------------------- the network


@pytest.mark.parametrize("residual", [False, True], ids=["plain", "residual"])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("stack", STACKS)
@pytest.mark.parametrize("norm", ["none", "layer"])
@pytest.mark.parametrize("bidirectional", [False, True], ids=["forward", "both"])
@pytest.mark.parametrize("kind", CELLS)
def test_an_utterance_alone_equals_itself_beside_longer_ones(
    kind: str, bidirectional: bool, norm: str, stack: str, time_padding: str, residual: bool
) -> None:
    if stack == "no_conv" and time_padding != "same":
        pytest.skip("no convolution to pad") if False else None
    model = crnn(
        kind, bidirectional=bidirectional, norm=norm, stack=stack, time_padding=time_padding, residual=residual
    )
    items = features(*LENGTHS)
    with torch.no_grad():
        alone = [model(*padded([item])) for item in items]
        assert float(alone[2].frames[0, :5].std(dim=0).min()) > 1e-3, "the outputs say nothing"
        for fill in GARBAGE.values():
            together = model(*padded(items, fill))
            for row, single in enumerate(alone):
                length = int(single.lengths)
                assert int(together.lengths[row]) == length
                difference = together.frames[row, :length] - single.frames[0, :length]
                assert difference.abs().sum() <= 1e-9, f"an utterance of {LENGTHS[row]} frames padded with {fill}"
