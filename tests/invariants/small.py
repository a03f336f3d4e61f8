"""Small networks to sweep the laws over, in float64, with norms and biases moved away from where they start."""

from typing import TypeVar

import pytest
import torch
from torch import Tensor, nn

from crnn_audio.models.conv import ConvFront, ConvSpec
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import CtcHead, InterCtcHead
from crnn_audio.models.recurrent import LookAhead, Recurrent

Module = TypeVar("Module", bound=nn.Module)

RECURRENT = {"tanh": "rnn", "relu": "rnn", "sigmoid": "rnn", "lstm": "lstm", "gru": "gru"}
"""The five kinds of cell: a simple RNN's nonlinearity, or the cell's own name."""
CELLS = RECURRENT | {"tcn": "tcn"}
"""All that a stack can be made of; the TCN runs forwards alone."""
TAPS = 9
"""Of the TCN, whose two layers then reach back 48 frames out, further than the sequences of these tests are long."""
each_way = pytest.mark.parametrize(
    ("kind", "bidirectional"),
    [(kind, False) for kind in CELLS] + [(kind, True) for kind in RECURRENT],
    ids=[f"{kind}-forward" for kind in CELLS] + [f"{kind}-both" for kind in RECURRENT],
)
STACKS = {
    "no_conv": [],
    "one_conv": [ConvSpec(3)],
    "two_convs": [ConvSpec(4, kernel=(5, 5), stride=(2, 2)), ConvSpec(3, kernel=(5, 3), stride=(2, 1))],
}
TIMES = ["same", "causal", "valid"]
BINS, HIDDEN, TOKENS = 9, 8, 5


def crnn(
    kind: str,
    *,
    bidirectional: bool = False,
    norm: str = "layer",
    stack: str = "two_convs",
    time_padding: str = "same",
    residual: bool = False,
    inner: bool = False,
    look_ahead: int = 0,
) -> Crnn:
    """Two layers of 8 units, in evaluation mode; smooth activations, so that no gradient is zero by chance."""
    front = ConvFront(BINS, STACKS[stack], norm=norm, activation="silu", time_padding=time_padding)
    recurrent = Recurrent(
        front.output_size,
        cell=CELLS[kind],
        nonlinearity=kind if CELLS[kind] == "rnn" else "tanh",
        hidden_size=HIDDEN,
        num_layers=2,
        bidirectional=bidirectional,
        kernel_size=TAPS,
        norm=norm,
        dropout=0.5,
        residual=residual,
        look_ahead=look_ahead,
        interctc_tokens=TOKENS if inner else 0,
    )
    return moved(Crnn(front, recurrent, CtcHead(recurrent.output_size, TOKENS))).double().eval()


def moved(module: Module) -> Module:
    """The same with what begins at zero or as the identity away from there, where it would hide mistakes."""
    with torch.no_grad():
        for owner in module.modules():
            for name, parameter in owner.named_parameters(recurse=False):
                if "bias" in name or isinstance(owner, nn.LayerNorm | LookAhead):
                    parameter += 0.3 * torch.randn_like(parameter)
            if isinstance(owner, InterCtcHead):
                owner.feedback.weight += torch.randn_like(owner.feedback.weight)
    return module


def features(*lengths: int) -> list[Tensor]:
    """One random utterance of each length."""
    return [torch.randn(length, BINS, dtype=torch.float64) for length in lengths]


def padded(items: list[Tensor], fill: float = 0.0) -> tuple[Tensor, Tensor]:
    """A batch of items of any lengths with `fill` as padding, and the lengths."""
    batch = nn.utils.rnn.pad_sequence(items, batch_first=True, padding_value=fill)
    return batch, torch.tensor([len(item) for item in items])
