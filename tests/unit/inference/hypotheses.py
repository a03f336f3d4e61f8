"""Hypotheses that Hypothesis draws: any letters, any times, in whatever order."""

from hypothesis import HealthCheck, settings
from hypothesis import strategies as st

from crnn_audio.hypotheses import Hypothesis, Word

LETTERS = "aZé&<>\"'-%;ЖßØ日本語\u0301😀0\\"
TIMES = st.floats(min_value=0, max_value=40, allow_nan=False).map(lambda time: round(time, 4))


quick = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
"""A busy machine may take its time, and a file may be written again."""

Sample = tuple[list[tuple[str, float, float]], float]
"""Words with start and end, and the length of the recording."""


def hypothesis_of(sample: Sample) -> Hypothesis:
    words, seconds = sample
    return said(*words, seconds=seconds)


def said(*words: tuple[str, float, float], seconds: float, path: str = "rec.wav") -> Hypothesis:
    """Words of confidence 0.5."""
    spoken = tuple(Word(text, start, end, 0.5) for text, start, end in words)
    return Hypothesis(" ".join(word.text for word in spoken), 0.5, spoken, seconds, path)


def one_after_the_other(texts: list[str], gap: float, length: float) -> Hypothesis:
    step = gap + length
    return said(
        *((text, index * step, index * step + length) for index, text in enumerate(texts)),
        seconds=len(texts) * step + 1.0,
    )


@st.composite
def orderly(draw: st.DrawFn, max_words: int = 30) -> Sample:
    """As a recogniser hears: words after one another, on a grid of 40 ms."""
    texts = draw(st.lists(st.text(LETTERS, min_size=1, max_size=14), max_size=max_words))
    frame, words = 0, []
    for text in texts:
        frame += draw(st.integers(0, 30))
        length = draw(st.integers(1, 40))
        words.append((text, frame * 0.04, (frame + length) * 0.04))
        frame += length
    return words, (frame + draw(st.integers(0, 25))) * 0.04 + 0.01


@st.composite
def disorderly(draw: st.DrawFn) -> Sample:
    """Words without length, overlapping, nested, past the end."""
    words = draw(st.lists(st.tuples(st.text(LETTERS, min_size=1, max_size=100), TIMES, TIMES), max_size=12))
    return words, draw(st.floats(min_value=1, max_value=30))
