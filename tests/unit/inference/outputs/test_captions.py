"""Cues that can be read: every word once and in order, never too long, broken at pauses."""

from itertools import pairwise

from hypothesis import given

from crnn_audio.inference.outputs.captions import Cue, cues
from crnn_audio.inference.outputs.spans import spans
from tests.unit.inference.hypotheses import Sample, disorderly, hypothesis_of, one_after_the_other, orderly, quick, said


@quick
@given(orderly())
def test_every_word_stands_once_and_each_cue_can_be_read(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    found = cues(hypothesis)
    assert " ".join(line for cue in found for line in cue.lines) == " ".join(word.text for word in hypothesis.words)
    for cue in found:
        assert 1 <= len(cue.lines) <= 2
        assert max(map(len, cue.lines)) <= 42
        assert 0 < cue.end - cue.start <= 7000
        assert cue.end <= round(1000 * hypothesis.seconds)
    assert all(one.end <= other.start for one, other in pairwise(found))


@quick
@given(orderly())
def test_a_cue_begins_with_its_first_word_and_no_long_pause_lies_within_one(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    begins = {cue.start for cue in cues(hypothesis)}
    words = spans(hypothesis)
    assert begins <= {word.start for word in words}
    assert {other.start for one, other in pairwise(words) if other.start - one.end >= 800} <= begins


@quick
@given(orderly())
def test_a_cue_is_shown_while_its_words_are_said(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    words = iter(spans(hypothesis))
    for cue in cues(hypothesis):
        said_meanwhile = [next(words) for _ in " ".join(cue.lines).split(" ")]
        assert cue.start == said_meanwhile[0].start
        assert said_meanwhile[-1].end <= cue.end


def test_slow_speech_is_cut_by_time() -> None:
    slow = one_after_the_other(["slow"] * 8, gap=0.7, length=1.3)
    assert [(cue.start, cue.lines) for cue in cues(slow)][:2] == [(0, ("slow slow slow",)), (6000, ("slow slow slow",))]
    assert max(cue.end - cue.start for cue in cues(slow)) <= 7000


@quick
@given(disorderly())
def test_whatever_the_times_and_words_are(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    found = cues(hypothesis)
    letters = "".join(line for cue in found for line in cue.lines).replace(" ", "")
    assert letters == "".join(word.text for word in hypothesis.words).replace(" ", "")
    assert all(0 < cue.end - cue.start <= 7000 and max(map(len, cue.lines)) <= 42 for cue in found)
    assert all(one.end <= other.start for one, other in pairwise(found))


def test_two_lines_are_balanced() -> None:
    (cue,) = cues(one_after_the_other(["twelve"] * 9, gap=0.1, length=0.3))
    assert [len(line) for line in cue.lines] == [27, 34] or [len(line) for line in cue.lines] == [34, 27]


def test_the_longest_pause_of_the_second_half_ends_a_cue_that_is_full() -> None:
    steady = [("words", 0.5 * index, 0.5 * index + 0.3) for index in range(20)]  # 14 of them fill two lines
    after_ten = [
        (text, start + 0.3 * (index >= 10), end + 0.3 * (index >= 10))
        for index, (text, start, end) in enumerate(steady)
    ]
    assert [len(" ".join(cue.lines).split()) for cue in cues(said(*after_ten, seconds=11.0))] == [10, 10]


def test_a_short_word_is_shown_for_a_second_unless_the_next_cue_comes() -> None:
    found = cues(said(("yes", 1.0, 1.1), ("no", 1.95, 2.0), ("oh", 3.0, 3.1), seconds=3.5))
    assert found == [Cue(1000, 1950, ("yes",)), Cue(1950, 2950, ("no",)), Cue(3000, 3500, ("oh",))]


def test_a_word_longer_than_a_line_is_cut_and_its_time_shared() -> None:
    found = cues(said(("x" * 100, 1.0, 7.0), seconds=8.0))
    assert [len(line) for cue in found for line in cue.lines] == [33, 33, 34]
    assert found[0].start == 1000
    assert found[-1].start == 5000


def test_a_very_long_word_is_taken_away_after_seven_seconds() -> None:
    assert cues(said(("ohm", 1.0, 12.0), seconds=20.0)) == [Cue(1000, 8000, ("ohm",))]


def test_nothing_said() -> None:
    assert cues(said(seconds=3.0)) == []
