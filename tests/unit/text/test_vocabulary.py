"""The vocabulary: ids, the way there and back, the unknown token, and files that are damaged."""

import json
import pickle

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crnn_audio.errors import RunError
from crnn_audio.text.vocabulary import Vocabulary

words = st.text(st.characters(exclude_categories=["Z", "C"]), min_size=1).filter(lambda word: word.split() == [word])
sentences = st.lists(words).map(" ".join)


def test_blank_and_unknown_come_first_then_sorted_tokens():
    assert Vocabulary.build(["cab a", "db"], "characters").tokens == ("<blank>", "<unk>", " ", "a", "b", "c", "d")
    assert Vocabulary.build(["two one", "two"], "words").tokens == ("<blank>", "<unk>", "one", "two")
    assert Vocabulary.build([], "words").tokens == ("<blank>", "<unk>")
    assert len(Vocabulary.build(["ab"], "characters")) == 4


def test_ids_by_hand():
    vocabulary = Vocabulary.build(["ab c"], "characters")
    assert vocabulary.encode("cab b?") == [5, 3, 4, 2, 4, 1]
    assert vocabulary.decode([5, 0, 3, 4, 2, 4, 1]) == "cab b\u2047"
    assert Vocabulary.build(["one two"], "words").encode("two  three one") == [3, 1, 2]
    assert Vocabulary.build(["one two"], "words").decode([3, 1, 2]) == "two \u2047 one"


@given(st.lists(st.text()))
def test_characters_there_and_back(texts):
    vocabulary = Vocabulary.build(texts, "characters")
    for text in texts:
        ids = vocabulary.encode(text)
        assert vocabulary.decode(ids) == text
        assert not {0, 1} & set(ids)
        assert vocabulary.unknown(text) == set()


@given(st.lists(sentences))
def test_words_there_and_back(texts):
    texts = [text for text in texts if not {"<blank>", "<unk>"} & set(text.split())]
    vocabulary = Vocabulary.build(texts, "words")
    for text in texts:
        assert vocabulary.decode(vocabulary.encode(text)) == text
        assert vocabulary.unknown(text) == set()


def test_a_transcript_that_says_blank_never_gives_the_blank():
    vocabulary = Vocabulary.build(["say <blank> and <unk>"], "words")
    assert vocabulary.tokens == ("<blank>", "<unk>", "and", "say")
    assert vocabulary.encode("say <blank> <unk>") == [3, 1, 1]
    assert vocabulary.unknown("say <blank> <unk>") == {"<blank>", "<unk>"}


def test_what_is_unknown_is_named():
    assert Vocabulary.build(["ab "], "characters").unknown("abc d") == {"c", "d"}
    assert Vocabulary.build(["one two"], "words").unknown("one three") == {"three"}


def test_words_are_split_at_the_separator():
    assert Vocabulary.build(["a b"], "characters").separator == " "
    assert Vocabulary.build(["a b"], "words").separator is None


@pytest.mark.parametrize("id", [-1, 3])
def test_an_id_outside_is_refused(id):
    with pytest.raises(ValueError, match="not in a vocabulary of 3"):
        Vocabulary.build(["a"], "characters").decode([id])


@pytest.mark.parametrize("kind", ["characters", "words"])
def test_saved_and_pickled_it_is_the_same(tmp_path, kind):
    vocabulary = Vocabulary.build(["é ß \u2028 न्", "日本 '"], kind)
    vocabulary.encode("é")
    vocabulary.save(tmp_path / "vocabulary.json")
    assert Vocabulary.load(tmp_path / "vocabulary.json") == vocabulary
    assert pickle.loads(pickle.dumps(vocabulary)) == vocabulary


DAMAGED = {
    "": "damaged (Expecting value",
    "[]": "an object with the fields 'kind' and 'tokens'",
    '{"tokens": []}': "an object with the fields 'kind' and 'tokens'",
    '{"kind": "letters", "tokens": []}': "'kind' should be 'characters', 'words' or 'subwords' (found 'letters')",
    '{"kind": "words", "tokens": "abc"}': "'tokens' should be a list of strings",
    '{"kind": "words", "tokens": [1]}': "'tokens' should be a list of strings",
    '{"kind": "words", "tokens": ["<unk>", "<blank>"]}': "the first tokens should be '<blank>' and '<unk>'",
    '{"kind": "words", "tokens": []}': "the first tokens should be '<blank>' and '<unk>' (found [])",
    '{"kind": "words", "tokens": ["<blank>", "<unk>", "a", "a"]}': "should stand once (found twice: 'a')",
    '{"kind": "words", "tokens": ["<blank>", "<unk>", "a b"]}': "should be one of the words (found 'a b')",
    '{"kind": "characters", "tokens": ["<blank>", "<unk>", "ab"]}': "should be one of the characters (found 'ab')",
}


@pytest.mark.parametrize("content", DAMAGED)
def test_a_damaged_file_is_refused_with_the_reason(tmp_path, content):
    path = tmp_path / "vocabulary.json"
    path.write_text(content)
    with pytest.raises(RunError) as caught:
        Vocabulary.load(path)
    assert str(caught.value).startswith(f"{path}: damaged (")
    assert DAMAGED[content] in str(caught.value)


def test_a_missing_file_a_folder_and_bytes_are_refused(tmp_path):
    with pytest.raises(RunError, match="no such file"):
        Vocabulary.load(tmp_path / "absent.json")
    with pytest.raises(RunError, match="cannot be read"):
        Vocabulary.load(tmp_path)
    (tmp_path / "latin").write_bytes(json.dumps({"kind": "é"}, ensure_ascii=False).encode("latin-1"))
    with pytest.raises(RunError, match="damaged"):
        Vocabulary.load(tmp_path / "latin")
