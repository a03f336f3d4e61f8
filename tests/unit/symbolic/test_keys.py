"""Keys by name, and which of them change something."""

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic.keys import needed_keys, parse_key
from crnn_audio.symbolic.score import MODES, Key


def test_keys_that_change_nothing_are_not_needed() -> None:
    keys = [Key(4.0, 1), Key(0.0, 1), Key(8.0, 1, "lydian"), Key(9.0, 1), Key(9.0, 2)]
    assert needed_keys(keys) == (Key(0.0, 1), Key(8.0, 1, "lydian"), Key(9.0, 2))


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize("sharps", range(-7, 8))
def test_a_key_is_known_by_its_name(sharps: int, mode: str) -> None:
    key = Key(2.0, sharps, mode)
    assert parse_key(str(key), 2.0) == key
    assert parse_key(f"{key.tonic} {mode.upper()}", 2.0) == key


@pytest.mark.parametrize(("name", "message"), [("", "key ''"), ("H", "key 'H'"), ("Gxyz", "Gxyz"), ("G#", "8 sharps")])
def test_names_that_are_no_key(name: str, message: str) -> None:
    with pytest.raises(DataError, match=message):
        parse_key(name)
