"""Scores as JSON: exact, and anything else is refused with its place."""

import json
from typing import Any

import pytest
from hypothesis import given, settings

from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Note, Part, Score, TimeSignature
from crnn_audio.symbolic.score_json import as_json, of_json
from tests.unit.symbolic.made_scores import scores

pytestmark = pytest.mark.filterwarnings("ignore:Do not use the `random` module inside strategies")
NOTE = {"start": 0, "duration": 1, "pitch": 60}


@settings(max_examples=60, deadline=None)
@given(scores(silent=True))
def test_a_score_comes_back_from_its_json(score: Score) -> None:
    assert of_json(json.loads(json.dumps(as_json(score)))) == score
    assert of_json(as_json(score)) == score


def test_what_it_looks_like_and_what_may_be_left_out() -> None:
    score = Score((Part("a", (Note(0.0, 1.0, 60),), 7),), time_signatures=(TimeSignature(0.0, 3, 4),))
    assert as_json(score)["parts"] == ({"name": "a", "notes": (NOTE,), "program": 7},)
    assert of_json({"parts": [{"name": "a", "notes": [NOTE]}]}) == Score((Part("a", (Note(0.0, 1.0, 60),)),))


def test_notes_are_sorted_and_rounded_decimals_fixed() -> None:
    notes = [NOTE | {"start": 0.3333333}, NOTE]
    assert of_json({"parts": [{"name": "", "notes": notes}]}).parts[0].notes == (
        Note(0.0, 1.0, 60),
        Note(160 / 480, 1.0, 60),
    )


def part(**changed: Any) -> dict[str, Any]:
    return {"parts": [{"name": "a", "notes": [NOTE | changed]}]}


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ([], r"score should be an object with fields \(found \[\]\)"),
        ({}, "score has no 'parts', which it needs"),
        ({"parts": {}}, r"score.parts should be a list \(found {}\)"),
        ({"parts": [], "temp": 3}, "score has no field 'temp'; there are parts, title, tempo"),
        ({"parts": [], "tempo": "fast"}, "score.tempo should be a number .found 'fast'"),
        ({"parts": [], "tempo": float("nan")}, "score.tempo should be a number"),
        ({"parts": [], "title": 3}, "score.title should be a text .found 3"),
        ({"parts": [{"name": "a"}]}, r"score.parts\[0\] has no 'notes'"),
        (part(pitch=60.5), r"score.parts\[0\].notes\[0\].pitch should be a whole number .found 60.5"),
        (part(pitch=True), "pitch should be a whole number .found True"),
        (part(start=True), "start should be a number"),
        (part(start=0.333), r"notes\[0\].start should be a multiple of 1/480 of a quarter note .found 0.333"),
        (part(pitch=200), "a: a note of pitch 200"),
        (part(duration=0), "lasts 0"),
        ({"parts": [], "keys": [{"start": 0, "sharps": 9}]}, "a key of 9 sharps"),
        ({"parts": [], "fermatas": ["x" * 100]}, r"score.fermatas\[0\] should be a number .found 'xxxx.*\.\.\.\)"),
    ],
)
def test_what_is_no_score(value: Any, message: str) -> None:
    with pytest.raises(DataError, match=message):
        of_json(value)


def test_a_file_from_before_a_field_was_renamed_is_read() -> None:
    value = {"parts": [], "metres": [{"start": 0, "beats": 6, "beat_type": 8}]}
    assert of_json(value) == Score((), time_signatures=(TimeSignature(0.0, 6, 8),))
