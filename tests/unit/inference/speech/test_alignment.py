"""A text gets the times at which its words are said; one that does not fit is an error."""

from pathlib import Path

import pytest

from crnn_audio.errors import DataError
from crnn_audio.inference.speech.alignment import align
from crnn_audio.inference.speech.recognizer import Recognizer


def test_what_is_recognised_is_aligned_as_it_was(recognizer: Recognizer, tiny: Path) -> None:
    file = tiny / "test" / "test-0000.flac"
    said = recognizer.transcribe(file)
    assert said.words
    found = align(recognizer, file, said.text)
    assert [word.text for word in found.words] == [word.text for word in said.words]
    assert found.seconds == said.seconds
    other = align(recognizer, file, "2!")
    assert [word.text for word in other.words] == ["two"]
    assert 0 <= other.words[0].start < other.words[0].end <= other.seconds


def test_texts_that_do_not_fit(recognizer: Recognizer, tiny: Path) -> None:
    file = tiny / "test" / "test-0000.flac"
    with pytest.raises(DataError, match=r"t.txt: holds no words"):
        align(recognizer, file, " ...", "t.txt")
    with pytest.raises(DataError, match=r"t.txt: the model has no letters 'ä'"):
        align(recognizer, file, "zäro", "t.txt")
    with pytest.raises(DataError, match=r"tokens do not fit into 18 frames.*\. Is t.txt what is said in it\?"):
        align(recognizer, file, "three three three three", "t.txt")
