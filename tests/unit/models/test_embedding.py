"""Columns of ids become vectors of their own; given voices are read before and after, and nothing given is silence."""

import pytest
import torch

from crnn_audio.models.embedding import Embedding, RowFront
from crnn_audio.models.recurrent import Recurrent

SIZES, AHEAD, SIZE = (4, 3, 2), (4, 3), 5


@pytest.fixture
def front() -> RowFront:
    encoder = Recurrent(len(AHEAD) * SIZE, hidden_size=6, num_layers=1)
    return RowFront(SIZES, SIZE, AHEAD, encoder).double().eval()


def columns(batch: int, rows: int) -> torch.Tensor:
    return torch.stack([torch.randint(size, (batch, rows)) for size in (*SIZES, *AHEAD)], dim=-1)


def test_each_id_of_each_column_has_a_vector_of_its_own() -> None:
    embedding = Embedding((2, 3), 4)
    known = {embedding(torch.tensor([[[a, b]]]))[0, 0].tolist().__repr__() for a in range(2) for b in range(3)}
    assert len(known) == 6
    first = embedding(torch.tensor([[[1, 0]]]))[0, 0]
    assert torch.equal(first[:4], embedding.vectors.weight[1])
    assert torch.equal(first[4:], embedding.vectors.weight[2])


def test_a_given_voice_is_read_before_and_after_its_row(front: RowFront) -> None:
    one = columns(1, 7).clamp(min=1)
    lengths = torch.tensor([7])
    other = one.clone()
    other[0, 3, -1] = 3 - other[0, 3, -1]
    changed = (front(one, lengths).frames != front(other, lengths).frames).any(dim=-1)[0]
    assert changed.all(), "every row hears it"
    known = one.clone()
    known[0, 3, 0] = (known[0, 3, 0] + 1) % 4
    changed = (front(one, lengths).frames != front(known, lengths).frames).any(dim=-1)[0]
    assert changed.tolist() == [False] * 3 + [True] + [False] * 3, "what is not given is read in its own row"


def test_nothing_given_is_silence_whatever_the_length(front: RowFront) -> None:
    nothing = columns(2, 7)
    nothing[..., -2:] = 0
    encoded = front(nothing, torch.tensor([7, 4])).frames[..., len(SIZES) * SIZE :]
    assert (encoded == 0).all()


def test_step_by_step_what_was_listened_to_comes_in_its_row(front: RowFront) -> None:
    whole = columns(2, 7).clamp(min=1)
    lengths = torch.tensor([7, 7])
    wanted = front(whole, lengths).frames
    carry: tuple[torch.Tensor, ...] | None = (front.encode(whole[..., -2:], lengths),)
    found = []
    for begin, end in ((0, 1), (1, 4), (4, 7)):
        frames, carry = front.step(whole[:, begin:end], carry)
        found.append(frames)
    torch.testing.assert_close(torch.cat(found, dim=1), wanted)
    beyond, _ = front.step(whole[:, :2], carry)
    assert (beyond[..., len(SIZES) * SIZE :] == 0).all(), "past the end nothing is given"


def test_padding_is_not_read(front: RowFront) -> None:
    whole, lengths = columns(2, 7).clamp(min=1), torch.tensor([7, 4])
    alone = front(whole[1:, :4], lengths[1:]).frames
    torch.testing.assert_close(front(whole, lengths).frames[1:, :4], alone)


def test_fixed_voices_need_an_encoder() -> None:
    with pytest.raises(ValueError, match="fixed voices need an encoder"):
        RowFront(SIZES, SIZE, AHEAD, None)
