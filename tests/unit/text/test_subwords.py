"""Subwords: cut as sentencepiece cuts them, joined to the same text, saved and loaded, and as tokens of a word."""

from pathlib import Path

import numpy as np
import pytest

from crnn_audio.decoding.paths import Path as TokenPath
from crnn_audio.decoding.words import split
from crnn_audio.errors import DataError, RunError
from crnn_audio.text import subwords
from crnn_audio.text.vocabulary import Vocabulary

RANDOM = np.random.default_rng(0)
WORDS = ["".join(RANDOM.choice(list("abcdeéß"), RANDOM.integers(1, 9))) for _ in range(60)]
TEXTS = [" ".join(RANDOM.choice(WORDS, RANDOM.integers(1, 8))) for _ in range(300)]


@pytest.fixture(scope="module")
def vocabulary() -> Vocabulary:
    return Vocabulary.build(TEXTS, "subwords", 60)


def test_it_cuts_as_sentencepiece_does(vocabulary: Vocabulary, monkeypatch) -> None:
    import sentencepiece

    models = []
    make = sentencepiece.SentencePieceProcessor
    monkeypatch.setattr(
        sentencepiece, "SentencePieceProcessor", lambda **asked: models.append(make(**asked)) or models[-1]
    )
    found = subwords.learned(TEXTS, 60)
    assert tuple(found) == vocabulary.tokens[2:]
    for text in (*TEXTS, "abcdé aaaaaa ße"):
        ours, theirs = subwords.cut(text, found), models[0].encode(text, out_type=str)
        assert sum(found[piece] for piece in ours) == pytest.approx(sum(found[piece] for piece in theirs), abs=1e-4)
        assert "".join(ours) == "".join(theirs)


def test_texts_come_back(vocabulary: Vocabulary, tmp_path: Path) -> None:
    assert len(vocabulary) <= 62
    for text in TEXTS:
        ids = vocabulary.encode(text)
        assert vocabulary.decode(ids) == text
        assert 1 not in ids
    assert any(len(vocabulary.encode(text)) < len(text.replace(" ", "")) for text in TEXTS)
    vocabulary.save(tmp_path / "v.json")
    assert Vocabulary.load(tmp_path / "v.json") == vocabulary
    (tmp_path / "v.json").write_text('{"kind": "subwords", "tokens": ["<blank>", "<unk>", "a"]}')
    with pytest.raises(RunError, match="each should have a score"):
        Vocabulary.load(tmp_path / "v.json")


def test_an_unknown_character_is_named(vocabulary: Vocabulary) -> None:
    assert vocabulary.unknown("abc xa") == {"x"}
    assert vocabulary.encode("x").count(1) == 1
    assert vocabulary.encode("") == []


def test_a_word_begins_where_its_first_piece_does(vocabulary: Vocabulary) -> None:
    text = f"{WORDS[0]} {WORDS[1]} {WORDS[2]}"
    ids = tuple(vocabulary.encode(text))
    path = TokenPath(ids, tuple(range(len(ids))), tuple(range(1, len(ids) + 1)), (0.5,) * len(ids), 1.0)
    groups = list(split(path, vocabulary))
    assert [vocabulary.decode(ids[place] for place in group) for group in groups] == text.split()
    words = Vocabulary.build(["a b"], "words")
    assert list(split(TokenPath((2, 3, 2), (0, 1, 2), (1, 2, 3), (1.0,) * 3, 1.0), words)) == [[0], [1], [2]]


def test_what_cannot_be_learned_is_said() -> None:
    with pytest.raises(DataError, match="4 subwords are fewer than the 7 characters"):
        Vocabulary.build(TEXTS, "subwords", 4)
