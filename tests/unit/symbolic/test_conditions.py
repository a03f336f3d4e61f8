"""What a piece may be asked for, and what it is where nothing is asked."""

import pytest

from crnn_audio.symbolic.conditions import Conditions

KINDS = [("reel", "2/4", "0.5")] * 3 + [("jig", "6/8", "0.5")] * 2 + [("reel", "2/4", "0")] + [("", "3/4", "1")] * 2


@pytest.mark.parametrize(
    ("asked", "found"),
    [
        ({}, ("2/4", "0.5")),
        ({"style": "jig"}, ("6/8", "0.5")),
        ({"metre": "3/4"}, ("3/4", "1")),
        ({"metre": "3/4", "style": "reel"}, ("3/4", "1")),
        ({"pickup": "0"}, ("2/4", "0")),
        ({"metre": "6/8", "pickup": "0"}, ("6/8", "0")),
        ({"metre": "9/8", "key": "G"}, ("9/8", "0.5")),
    ],
)
def test_what_a_piece_is_usually_like(asked: dict[str, str], found: tuple[str, str]) -> None:
    told = [{"metre": metre, "pickup": pickup} | ({"style": style} if style else {}) for style, metre, pickup in KINDS]
    conditions = Conditions.of(told)
    assert conditions.usual(asked) == dict(zip(("metre", "pickup"), found, strict=True))
    assert Conditions.from_json(conditions.as_json(), at_home=False) == conditions
    assert Conditions({}).usual(asked) == {"metre": "4/4", "pickup": "0"} | {
        name: value for name, value in asked.items() if name in ("metre", "pickup")
    }
