"""Words of a decoded path: where they part, when they were said, how sure they are."""

import pytest

from crnn_audio.decoding.paths import Path
from crnn_audio.decoding.words import split, words
from crnn_audio.text.vocabulary import Vocabulary


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("", []),
        (" ", []),
        ("ab", [[0, 1]]),
        (" ab", [[1, 2]]),
        ("ab ", [[0, 1]]),
        ("a  b", [[0], [3]]),
        ("  a b  ", [[2], [4]]),
    ],
)
def test_splitting_at_separators(text: str, expected: list[list[int]]) -> None:
    tokens = Vocabulary.build(["ab "], "characters")
    ids = tuple(tokens.encode(text))
    path = Path(ids, ids, ids, (1.0,) * len(ids), 1.0)
    assert list(split(path, tokens)) == expected


def test_times_and_confidence_of_a_word() -> None:
    tokens = Vocabulary.build(["ab "], "characters")
    path = Path(tuple(tokens.encode("ab b")), (2, 5, 6, 9), (4, 6, 7, 12), (0.5, 0.8, 0.1, 0.9), 1.0)
    first, second = words(path, tokens, 0.04, 0.46)
    assert (first.text, first.start, first.end) == ("ab", 0.08, 0.24)
    assert first.confidence == pytest.approx(0.4)
    assert (second.text, second.start, second.end) == ("b", 0.36, 0.46), "no word outlasts its recording"
    assert second.confidence == pytest.approx(0.9)
