"""What a voice gains by its distances from what sounds: against loops over pitches, and the same in every key."""

import pytest
import torch
from torch import Tensor

from crnn_audio.models.autoregressive import AutoregressiveHead
from crnn_audio.models.intervals import Chord, Intervals
from crnn_audio.symbolic.representation import PitchColumn

FIRST, HOLD, PITCHES = 3, 2, 10
SIZES = (3, *[FIRST + PITCHES - 1] * 3)
"""A mark, and three voices whose tokens are a rest, "goes on" and ten pitches."""
VOICES = [
    PitchColumn(place, FIRST, before=place + 3, copied=(place + 6,), hold=HOLD, fixed=place + 10) for place in (1, 2, 3)
]
"""Of the row before, the voices' pitches before it, what is copied, and what is fixed."""
WIDTH = 14


@pytest.fixture
def head() -> AutoregressiveHead:
    made = AutoregressiveHead(5, SIZES, hidden_size=6, voices=VOICES).double().eval()
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.5 * torch.randn_like(parameter))
    return made


def known(before: list[int], copied: list[int], fixed: list[int] | None = None) -> Tensor:
    return torch.tensor([0, 0, 0, 0, *before, *copied, 0, *(fixed or [0, 0, 0])]).reshape(1, 1, WIDTH)


def brute(own: Intervals, hidden: Tensor, chord: Chord) -> list[float]:
    """The gains of every token, one at a time."""
    weights = own.distances(hidden).detach()[0, 0].reshape(own.num_references, -1)
    before, now = chord.before[0, 0].tolist(), chord.now[0, 0].tolist()

    def among_others(pitch: int) -> float:
        total = 0.0
        for place, other in enumerate(own.others.tolist()):
            if now[other] < 0:
                continue
            total += float(weights[1 + place, pitch - now[other] + PITCHES - 1])
            came_from = (
                1 + (before[own.index] - before[other]) % 12 if min(before[own.index], before[other]) >= 0 else 0
            )
            motion = 1 if now[other] == before[other] else 2 if now[other] > before[other] else 3
            total += own.gain * float(
                own.steps.detach()[place * 52 + came_from * 4 + motion, (pitch - now[other]) % 12]
            )
        return total

    def alone(pitch: int) -> float:
        references = [(0, before[own.index]), (1 + own.num_others, int(chord.copied[own.index][0, 0, 0]))]
        return sum(float(weights[row, pitch - one + PITCHES - 1]) for row, one in references if one >= 0)

    held = among_others(before[own.index]) if before[own.index] >= 0 else 0.0
    return [0.0, held, *(among_others(pitch) + alone(pitch) for pitch in range(PITCHES))]


@pytest.mark.parametrize("before", [[5, 9, 3], [12, 3, 0], [0, 0, 0]])
@pytest.mark.parametrize("now", [[7, HOLD, 4], [1, 12, 3], [HOLD, 1, HOLD]])
def test_gains_are_those_of_a_loop_over_pitches(head: AutoregressiveHead, before: list[int], now: list[int]) -> None:
    chord = Chord.of(known(before, [4, 0, 11]), VOICES)
    for index, voice in enumerate(VOICES):
        own = head.intervals[index]
        assert isinstance(own, Intervals)
        hidden = torch.rand(1, 1, 6, dtype=torch.float64)
        found = own.gains(hidden, chord, own.rows_of(chord))[0, 0].tolist()
        assert found == pytest.approx(brute(own, hidden, chord), abs=1e-12)
        chord = chord.with_voice(index, voice, torch.tensor([[now[index]]]))


def test_a_note_that_goes_on_sounds_with_the_others() -> None:
    chord = Chord.of(known([5, 9, 0], [0, 0, 0]), VOICES)
    for index, token in enumerate((HOLD, 1, HOLD)):
        chord = chord.with_voice(index, VOICES[index], torch.tensor([[token]]))
    assert chord.before[0, 0].tolist() == [2, 6, -1]
    assert chord.now[0, 0].tolist() == [2, -1, -1], "held, silent, nothing to hold"


def test_given_voices_are_known_to_those_before_them(head: AutoregressiveHead) -> None:
    drive = torch.randn(1, 1, 24, dtype=torch.float64)
    free, fixed = known([5, 9, 3], [0, 0, 0]), known([5, 9, 3], [0, 0, 0], [0, 0, 8])
    costs = [head.losses(drive, one, torch.tensor([[[1, 4, 7, 8]]]))[0, 0] for one in (free, fixed)]
    assert costs[0][0] == costs[1][0]
    assert (costs[0][1:3] != costs[1][1:3]).all()
    assert costs[0][3] == costs[1][3], "a voice does not hear itself"


def test_the_same_chord_higher_has_the_same_gains_higher(head: AutoregressiveHead) -> None:
    own, hidden = head.intervals[2], torch.rand(1, 1, 6, dtype=torch.float64)
    assert isinstance(own, Intervals)

    def chord(semitones: int) -> Chord:
        before, copied = ([one + semitones for one in pitches] for pitches in ([5, 8, 3], [4, 6, 4]))
        found = Chord.of(known(before, copied), VOICES).with_voice(0, VOICES[0], torch.tensor([[6 + semitones]]))
        return found.with_voice(1, VOICES[1], torch.tensor([[HOLD]]))

    low = own.gains(hidden, chord(0), own.rows_of(chord(0)))[0, 0]
    for semitones in (1, 4):
        torch.testing.assert_close(own.hidden(own.rows_of(chord(semitones))), own.hidden(own.rows_of(chord(0))))
        high = own.gains(hidden, chord(semitones), own.rows_of(chord(semitones)))[0, 0]
        torch.testing.assert_close(high[FIRST - 1 + semitones :], low[FIRST - 1 : -semitones])
        torch.testing.assert_close(high[: FIRST - 1], low[: FIRST - 1])


def test_padding_and_first_rows_have_finite_losses(head: AutoregressiveHead) -> None:
    tokens = torch.tensor([[[1, FIRST, 1, FIRST + 9], [0, 0, 0, 0]]])
    losses = head.losses(torch.randn(1, 2, 24, dtype=torch.float64), torch.zeros(1, 2, WIDTH, dtype=torch.long), tokens)
    assert losses.isfinite().all()
    assert (losses[0, 1] == 0).all()
    assert (losses[0, 0] > 0).all()
