"""Features of sound in pieces against those of the whole, however it is cut, and no later than they can be known."""

from collections.abc import Sequence

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from torch import Tensor

from crnn_audio.errors import StreamError
from crnn_audio.features import stream
from crnn_audio.features.normalize import GlobalNorm, NoNorm, UtteranceNorm
from crnn_audio.features.spectrogram import Fbank, FrontEnd, LogMel, Mel, Mfcc

FRONT_ENDS: dict[str, FrontEnd] = {
    "fbank": Fbank(16000, 12),
    "fbank at an odd rate": Fbank(7919, 12),
    "log_mel": LogMel(8000, 8),
    "log_mel with an odd window": LogMel(22050, 8),
    "log_mel with an odd window and hop": LogMel(8000, 8, window_seconds=201 / 8000, hop_seconds=77 / 8000),
    "log_mel with gaps between windows": LogMel(8000, 8, window_seconds=0.01, hop_seconds=0.025),
    "log_mel with windows end to end": LogMel(8000, 8, window_seconds=0.01, hop_seconds=0.01),
    "mfcc with a window that fills the FFT": Mfcc(16000, 12, 6, window_seconds=0.032, hop_seconds=0.008),
    "mfcc of an odd rate": Mfcc(11025, 12, 6),
}
for one in FRONT_ENDS.values():
    one.double()

every_front_end = pytest.mark.parametrize("front_end", FRONT_ENDS.values(), ids=FRONT_ENDS)


def sound(samples: int, seed: int = 0) -> Tensor:
    return torch.randn(1, samples, dtype=torch.float64, generator=torch.Generator().manual_seed(seed))


def whole(front_end: FrontEnd, samples: Tensor) -> Tensor:
    return front_end(samples, torch.tensor([samples.shape[1]]))[0]


def in_pieces(front_end: FrontEnd, samples: Tensor, sizes: Sequence[int]) -> Tensor:
    """Features of pieces of these sizes and of what is then left, the last of which is marked as such."""
    left = samples.shape[1] - sum(sizes)
    carry, features = None, []
    for number, piece in enumerate(samples.split([*sizes, left], dim=1)):
        found, carry = stream.step(front_end, piece, carry, last=number == len(sizes))
        features.append(found)
    return torch.cat(features, dim=1)


@every_front_end
@settings(max_examples=6, deadline=None)
@given(sizes=st.lists(st.one_of(st.integers(0, 3), st.integers(0, 900)), max_size=12), rest=st.integers(1, 600))
def test_any_chunking_equals_the_whole(front_end: FrontEnd, sizes: list[int], rest: int) -> None:
    samples = sound(sum(sizes) + rest)
    torch.testing.assert_close(in_pieces(front_end, samples, sizes), whole(front_end, samples), rtol=0, atol=1e-9)


@every_front_end
def test_single_samples_equal_the_whole_and_come_as_soon_as_they_are_known(front_end: FrontEnd) -> None:
    total = 3 * front_end.look_ahead_samples + 2 * front_end.hop_length + 1
    samples, carry, features = sound(total), None, []
    for fed in range(1, total + 1):
        found, carry = stream.step(front_end, samples[:, fed - 1 : fed], carry)
        features.append(found)
        past = fed - front_end.look_ahead_samples
        known = [t for t in range(total) if t * front_end.hop_length <= past and past > 0]
        assert sum(one.shape[1] for one in features) == len(known)
    features.append(stream.step(front_end, samples[:, total:], carry, last=True)[0])
    torch.testing.assert_close(torch.cat(features, dim=1), whole(front_end, samples), rtol=0, atol=1e-9)


@every_front_end
def test_short_sounds_of_every_length_from_one_sample_on(front_end: FrontEnd) -> None:
    longest = front_end.look_ahead_samples + front_end.hop_length
    for total in [*range(1, 12), *range(12, longest, 29), longest - 1, longest, longest + 1]:
        samples = sound(total, seed=total)
        expected = whole(front_end, samples)
        for sizes in ([], [0, total], [total // 2], [1] * min(total, 5)):
            torch.testing.assert_close(in_pieces(front_end, samples, sizes), expected, rtol=0, atol=1e-9)


@every_front_end
def test_the_first_frames_do_not_depend_on_where_the_first_piece_ends(front_end: FrontEnd) -> None:
    window = front_end.look_ahead_samples
    samples = sound(4 * window)
    expected = whole(front_end, samples)
    for first in range(max(window - 3, 0), window + 4):
        torch.testing.assert_close(in_pieces(front_end, samples, [first]), expected, rtol=0, atol=1e-9)


@every_front_end
def test_no_sound_has_no_frames(front_end: FrontEnd) -> None:
    nothing = sound(0)
    features, carry = stream.step(front_end, nothing, None)
    assert features.shape == (1, 0, front_end.num_features)
    features, _ = stream.step(front_end, nothing, carry, last=True)
    assert features.shape == (1, 0, front_end.num_features)


@every_front_end
def test_what_is_kept_never_grows(front_end: FrontEnd) -> None:
    hop, window, carry = front_end.hop_length, 2 * front_end.look_ahead_samples, None
    kept = {}
    for size in (37, 5000, 1, 0, 20000):
        for _ in range(30):
            _, carry = stream.step(front_end, sound(size), carry)
            kept.setdefault(size, []).append(carry.samples.shape[1])
            assert carry.samples.shape[1] <= 2 * window + 3 * hop
    assert min(kept[5000]) > 0


@every_front_end
def test_a_carry_may_be_used_twice(front_end: FrontEnd) -> None:
    """It is handed over, not changed."""
    _, carry = stream.step(front_end, sound(2500), None)
    one, _ = stream.step(front_end, sound(900, seed=1), carry)
    again, _ = stream.step(front_end, sound(900, seed=1), carry)
    assert one.shape[1] > 0
    assert torch.equal(one, again)


def test_what_needs_the_whole_recording_is_refused_by_name() -> None:
    known = GlobalNorm(torch.zeros(8), torch.ones(8))
    for front_end in FRONT_ENDS.values():
        for normalizer in (known, NoNorm()):
            stream.refuse_unless_streamable(front_end, normalizer)
        with pytest.raises(StreamError, match=r"features\.normalize=global or none"):
            stream.refuse_unless_streamable(front_end, UtteranceNorm())
    with pytest.raises(StreamError, match=r"Mel features .* use fbank, log_mel or mfcc"):
        stream.refuse_unless_streamable(Mel(16000, 8), known)
