"""A row sampled column by column in plain arrays is what the head says of it, for pieces alone and side by side."""

import numpy as np
import pytest
import torch

from crnn_audio.models.autoregressive import AutoregressiveHead
from crnn_audio.models.row_sampling import RowSampler
from crnn_audio.symbolic.representation import PitchColumn

FIRST, HOLD, PITCHES = 3, 2, 40
TOKENS = FIRST + PITCHES - 1
PIECES = 30
MARKS = 3


def voices(count: int, hold: int, *, fixed: bool) -> list[PitchColumn]:
    """Known are, for each voice, the pitch before, two that are copied, and what is fixed of it."""
    columns = [(voice, count + voice, 2 * count + voice, 3 * count + voice) for voice in range(count)]
    return [
        PitchColumn(1 + place, FIRST, before, (one, two), hold, last if fixed else None)
        for place, (before, one, two, last) in enumerate(columns)
    ]


def heads() -> dict[str, AutoregressiveHead]:
    def made(count: int, **options: object) -> AutoregressiveHead:
        found = voices(count, int(options.get("hold", HOLD)), fixed=bool(options.get("fixed")))
        sizes = (MARKS, *[TOKENS] * count, 5)
        read = found if options.get("hears", True) else ()
        return AutoregressiveHead(5, sizes, hidden_size=8, dropout=0.5, voices=read, interval_gain=7.0)

    return {
        "four voices": made(4),
        "four voices, some given": made(4, fixed=True),
        "three voices that are struck anew": made(3, hold=0),
        "one voice": made(1),
        "no voices": made(2, hears=False),
    }


@pytest.mark.parametrize("name", heads())
def test_log_probs_are_the_heads(name: str) -> None:
    torch.manual_seed(1)
    head = heads()[name].double().eval()
    with torch.no_grad():
        for parameter in head.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    count = len(head.sizes) - 2
    drive = torch.randn(PIECES, 1, len(head.sizes) * 8, dtype=torch.float64)
    known = torch.randint(0, TOKENS + 1, (PIECES, 1, 4 * count)) * (torch.rand(PIECES, 1, 4 * count) < 0.7)
    tokens = torch.stack([torch.randint(1, size + 1, (PIECES, 1)) for size in head.sizes], dim=-1)
    tokens[::3, :, 1 : 1 + count] = HOLD
    with torch.inference_mode():
        wanted = head.losses(drive, known, tokens)[:, 0].numpy()
    together = RowSampler(head).begin(drive[:, 0].numpy(), known[:, 0].numpy())
    assert together.num_columns == len(head.sizes)
    for place, own in enumerate(tokens[:, 0].T.numpy()):
        log_probs = together.log_probs()
        np.testing.assert_allclose(np.exp(log_probs).sum(axis=1), 1, atol=1e-12)
        np.testing.assert_allclose(-log_probs[np.arange(PIECES), own - 1], wanted[:, place], atol=1e-12)
        together.append(own)


def test_beginning_a_row_leaves_what_it_was_given_as_it_is() -> None:
    head = heads()["four voices"]
    drive, known = torch.randn(2, 48).numpy(), np.full((2, 16), 7)
    before = drive.copy()
    row = RowSampler(head).begin(drive, known)
    row.append(np.array([1, 2]))
    assert np.array_equal(drive, before)
    assert (known == 7).all()
