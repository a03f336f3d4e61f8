"""Where bars begin and end, and which metres and keys change something."""

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic.bars import Bar, bars, needed_keys, needed_metres
from crnn_audio.symbolic.keys import key_named
from crnn_audio.symbolic.score import MODES, Key, Metre, Score


def test_bars_of_a_piece_with_a_pickup_and_a_change() -> None:
    four, three = Metre(0.0, 4, 4), Metre(7.0, 3, 4)
    score = Score((), metres=(four, three), pickup=1.0)
    assert bars(score, 480 * 11) == [
        Bar(0, 480, four),
        Bar(480, 2400, None),
        Bar(2400, 3360, None),  # cut short by the other metre
        Bar(3360, 4800, three),
        Bar(4800, 5280, None),  # and by the end
    ]


def test_without_a_metre_a_bar_is_four_quarters() -> None:
    assert bars(Score(()), 2000) == [Bar(0, 1920, None), Bar(1920, 2000, None)]
    assert bars(Score(()), 0) == []
    late = Metre(1.0, 2, 4)
    assert bars(Score((), metres=(late,)), 1440) == [Bar(0, 480, None), Bar(480, 1440, late)]


def test_metres_that_change_nothing_are_not_needed() -> None:
    first = Metre(0.0, 3, 4)
    assert needed_metres([Metre(9.0, 3, 4), Metre(0.0, 3, 4), first], 0.0) == (first,)
    assert needed_metres([first, Metre(8.0, 3, 4), Metre(11.0, 3, 4)], 0.0) == (first, Metre(8.0, 3, 4))
    assert needed_metres([first, Metre(10.0, 3, 4)], 1.0) == (first,), "counted from the pickup"
    assert needed_metres([first, Metre(9.0, 3, 4)], 1.0) == (first, Metre(9.0, 3, 4))
    assert needed_metres([first, Metre(0.0, 2, 4)], 0.0) == (Metre(0.0, 2, 4),), "the last of those that begin together"


def test_keys_that_change_nothing_are_not_needed() -> None:
    keys = [Key(4.0, 1), Key(0.0, 1), Key(8.0, 1, "lydian"), Key(9.0, 1), Key(9.0, 2)]
    assert needed_keys(keys) == (Key(0.0, 1), Key(8.0, 1, "lydian"), Key(9.0, 2))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sharps", range(-7, 8))
def test_a_key_is_known_by_its_name(sharps: int, mode: str) -> None:
    key = Key(2.0, sharps, mode)
    assert key_named(str(key), 2.0) == key
    assert key_named(f"{key.tonic} {mode.upper()}", 2.0) == key


@pytest.mark.parametrize(("name", "message"), [("", "no key"), ("H", "no key"), ("Gxyz", "no key"), ("G#", "8 sharps")])
def test_what_is_no_key(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        key_named(name)
