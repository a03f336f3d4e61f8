"""What a piece may be asked for, and what it is where nothing is asked."""

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic.conditions import Conditions

KINDS = [("reel", "2/4", "0.5")] * 6 + [("jig", "6/8", "0.5")] * 3 + [("reel", "2/4", "0")] + [("", "3/4", "1")] * 2
GIVEN = [{"metre": metre, "pickup": pickup} | ({"style": style} if style else {}) for style, metre, pickup in KINDS]


@pytest.mark.parametrize(
    ("asked", "chance", "found"),
    [
        ({}, 0.0, {"metre": "2/4", "pickup": "0.5", "style": "reel"}),
        ({}, 0.49, {"metre": "2/4", "pickup": "0.5", "style": "reel"}),
        ({}, 0.51, {"metre": "6/8", "pickup": "0.5", "style": "jig"}),
        ({}, 0.99, {"metre": "2/4", "pickup": "0", "style": "reel"}),
        ({"style": "jig"}, 0.99, {"metre": "6/8", "pickup": "0.5", "style": "jig"}),
        ({"metre": "3/4"}, 0.5, {"metre": "3/4", "pickup": "1"}),
        ({"metre": "3/4", "style": "reel"}, 0.5, {"metre": "3/4", "pickup": "1", "style": "reel"}),
        ({"metre": "2/4"}, 0.9, {"metre": "2/4", "pickup": "0", "style": "reel"}),
        ({"pickup": "0"}, 0.2, {"metre": "2/4", "pickup": "0", "style": "reel"}),
        ({"key": "G", "style": "jig"}, 0.2, {"metre": "6/8", "pickup": "0.5", "style": "jig", "key": "G"}),
    ],
)
def test_what_is_not_asked_for_is_as_in_a_piece_that_is_like_it(
    asked: dict[str, str], chance: float, found: dict[str, str]
) -> None:
    conditions = Conditions.of(GIVEN, GIVEN)
    assert conditions.completed(asked, chance) == found
    assert Conditions.from_json(conditions.as_json(), normalize_keys=False) == conditions
    assert Conditions({}).completed(asked, chance) == asked


def test_a_piece_without_a_metre_is_no_likelier_than_others() -> None:
    given = [{"style": "air"}, *GIVEN]
    conditions = Conditions.of([], given)
    sampled = [conditions.completed({}, (place + 0.5) / len(given)) for place in range(len(given))]
    assert [sampled.count(kind) for kind in ({"style": "air"}, GIVEN[0], GIVEN[6])] == [1, 6, 3]


@pytest.mark.parametrize("normalize_keys", [False, True])
def test_keys_may_be_spelled_as_people_write_them(normalize_keys: bool) -> None:
    conditions = Conditions.of([{"key": key} for key in ("Em", "Bbm", "G")], normalize_keys=normalize_keys)
    for spelling, key in (("em", "Em"), ("E minor", "Em"), ("bb min", "Bbm"), ("g", "G")):
        assert conditions.ids({"key": spelling}) == conditions.ids({"key": key})
    with pytest.raises(DataError, match="no such key"):
        conditions.ids({"key": "H"})


@pytest.mark.parametrize(
    ("asked", "spelled"),
    [
        ({"key": "g"}, {"key": "G"}),
        ({"Key": "G major"}, {"key": "G"}),
        ({"pickup": "1.0"}, {"pickup": "1"}),
        ({"pickup": ".5"}, {"pickup": "0.5"}),
        ({"metre": "6 / 8"}, {"metre": "6/8"}),
        ({"style": "Jig "}, {"style": "jig"}),
        ({"metre": "5/4", "mood": "Sad"}, {"metre": "5/4", "mood": "Sad"}),
    ],
)
def test_other_spellings_mean_the_same(asked: dict[str, str], spelled: dict[str, str]) -> None:
    known = Conditions.of([*GIVEN, {"key": "G"}])
    assert known.spelled(asked) == spelled


def test_common_time_is_four_four() -> None:
    assert Conditions.of([{"metre": "4/4"}]).spelled({"metre": "C"}) == {"metre": "4/4"}


@pytest.mark.parametrize(
    ("key", "meant"), [("Gb", "F#"), ("Ebm", "D#m"), ("Cb", "B"), ("G#", "Ab"), ("a#", "Bb"), ("D# major", "Eb")]
)
def test_of_an_unknown_key_the_one_that_sounds_the_same_is_named(key: str, meant: str) -> None:
    known = Conditions.of([{"key": one} for one in ("F#", "D#m", "B", "Ab", "Bb", "Eb", "G", "Em")])
    with pytest.raises(DataError, match=f"no such key. Did you mean '{meant}', which sounds the same"):
        known.ids({"key": key})


def test_conditions_that_no_piece_has_together() -> None:
    known = Conditions.of(GIVEN, GIVEN)
    assert known.never_together({"style": "jig", "metre": "2/4"}) == ("style=jig", "metre=2/4")
    assert known.never_together({"style": "jig", "metre": "6/8", "pickup": "0.5"}) == ()
    assert known.never_together({"style": "jig", "metre": "5/4"}) == (), "what is not known is refused elsewhere"
