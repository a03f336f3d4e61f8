"""Times as formats need them: right where they were right, fixed by hand-made rules where they were not."""

from itertools import pairwise

from hypothesis import given

from crnn_audio.inference.outputs.spans import Span, spans
from tests.unit.inference.hypotheses import Sample, disorderly, hypothesis_of, orderly, quick, said


@quick
@given(orderly())
def test_times_that_are_right_stay_to_the_millisecond(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    found = spans(hypothesis)
    assert [span.text for span in found] == [word.text for word in hypothesis.words]
    for span, word in zip(found, hypothesis.words, strict=True):
        assert abs(span.start - 1000 * word.start) <= 0.5
        assert abs(span.end - 1000 * word.end) <= 0.5
        assert span.confidence == word.confidence


@quick
@given(disorderly())
def test_whatever_the_times_are_words_stand_side_by_side_in_the_recording(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    found = spans(hypothesis)
    assert [span.text for span in found] == [word.text for word in hypothesis.words]
    assert all(0 <= span.start < span.end <= round(1000 * hypothesis.seconds) for span in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


def times(*words: tuple[str, float, float], seconds: float = 10.0) -> list[tuple[int, int]]:
    return [(span.start, span.end) for span in spans(said(*words, seconds=seconds))]


def test_two_that_overlap_meet_in_the_middle_of_it() -> None:
    assert times(("a", 1.0, 2.0), ("b", 1.5, 3.0)) == [(1000, 1750), (1750, 3000)]


def test_one_without_length_gets_a_millisecond_and_pushes_nobody_out_of_the_recording() -> None:
    assert times(("a", 1.0, 1.0), ("b", 1.0, 2.0)) == [(1000, 1001), (1001, 2000)]
    assert times(("a", 9.0, 10.0), ("b", 10.0, 10.0)) == [(9000, 9999), (9999, 10000)]


def test_more_words_than_milliseconds() -> None:
    assert times(("a", 0, 0), ("b", 0, 0), ("c", 0, 0), seconds=0.001) == [(0, 1), (1, 2), (2, 3)]


def test_nothing_said() -> None:
    assert spans(said(seconds=1.0)) == []
    assert spans(said(("a", 0.0, 0.5), seconds=1.0)) == [Span("a", 0, 500, 0.5)]
