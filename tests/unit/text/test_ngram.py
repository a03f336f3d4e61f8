"""The n-gram model against the published formulas by recursion, KenLM's own figures, and laws of probability."""

import math
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_audio.errors import DataError
from crnn_audio.text.ngram import NGram
from tests.unit.text.by_the_book import ByTheBook, sentences


@pytest.mark.parametrize("order", [1, 2, 3, 4])
@pytest.mark.parametrize("marked", [True, False])
def test_every_token_after_every_history_as_published(order: int, marked: bool) -> None:
    texts = sentences(60, 5, seed=order)
    book, model = ByTheBook(texts, order, marked=marked), NGram.train(texts, order=order, marked=marked)
    for history in book.histories(min(order, 3)):
        found = dict(zip(model.tokens, model.next(history), strict=True))
        for token in book.vocabulary:
            expected = book.prob(token, history)
            assert found[token] == pytest.approx(expected, rel=1e-9)
            if len(history) < 2:
                assert model.log_prob(token, history) == pytest.approx(math.log(expected), abs=1e-9)


@pytest.mark.parametrize("marked", [True, False])
def test_discounts_that_counts_of_counts_give(marked: bool) -> None:
    """Many words, so that no length falls back on fixed discounts."""
    texts = sentences(300, 200, seed=5)
    book, model = ByTheBook(texts, 3, marked=marked), NGram.train(texts, order=3, marked=marked)
    assert all(discounts != (0.0, 0.5, 1.0, 1.5) for discounts in book.discounts.values())
    held_out = sentences(40, 220, seed=6)
    assert {word for one in held_out for word in one} - set(model.tokens), "unknown words too"
    nats = []
    for one in held_out:
        text = ["<s>", *one, "</s>"] if marked else one
        known = [token if token in book.vocabulary | {"<s>"} else "<unk>" for token in text]
        expected = [-math.log(book.prob(known[at], tuple(known[:at]))) for at in range(marked, len(known))]
        np.testing.assert_allclose(model.score(one), expected, rtol=1e-9)
        nats += expected
    found = model.likelihood(held_out)
    assert found.nats_per_token == pytest.approx(sum(nats) / len(nats), rel=1e-12)
    assert found.perplexity == pytest.approx(math.exp(sum(nats) / len(nats)), rel=1e-12)
    assert found.num_tokens == len(nats)
    assert found.num_unknown == sum(word not in model.tokens for one in held_out for word in one)


def test_by_hand() -> None:
    """Of "aab" in pairs: aa and ab, each once; a follows a and the start, b follows a; fixed discounts."""
    model = NGram.train(["aab"], order=2, marked=False)
    a, b, unknown = (2 - 1) / 3 + 1.5 / 3 / 3, (1 - 0.5) / 3 + 1.5 / 3 / 3, 1.5 / 3 / 3
    single = {"<unk>": unknown, "<s>": 0, "</s>": 0, "a": a, "b": b}
    pairs = {"<unk>": unknown / 2, "<s>": 0, "</s>": 0, "a": 0.25 + a / 2, "b": 0.25 + b / 2}
    assert dict(zip(model.tokens, model.next(""), strict=True)) == pytest.approx(single)
    assert dict(zip(model.tokens, model.next("a"), strict=True)) == pytest.approx(pairs)
    assert dict(zip(model.tokens, model.next("b"), strict=True)) == pytest.approx(single), "nothing followed b"
    assert model.score("ab") == pytest.approx([-math.log(a), -math.log(0.25 + b / 2)])


@settings(max_examples=60, deadline=None)
@given(
    texts=st.lists(st.text("ab ", max_size=8), min_size=1, max_size=6),
    order=st.integers(1, 4),
    marked=st.booleans(),
    history=st.text("abz ", max_size=5),
)
def test_any_small_text(texts: list[str], order: int, marked: bool, history: str) -> None:
    if max(len(text) + 2 * marked for text in texts) < order:
        with pytest.raises(DataError, match=r"lower order|no text"):
            NGram.train(texts, order=order, marked=marked)
        return
    model, book = NGram.train(texts, order=order, marked=marked), ByTheBook(texts, order, marked=marked)
    for before in (history, ["<s>", *history]):
        probs = dict(zip(model.tokens, model.next(before), strict=True))
        assert sum(probs.values()) == pytest.approx(1, abs=1e-12)
        assert probs["<s>"] == 0
        if marked or before == history:
            expected = {token: book.prob(token, tuple(before)) for token in book.vocabulary}
            assert {token: probs[token] for token in book.vocabulary} == pytest.approx(expected, rel=1e-9)


def test_all_probabilities_are_one_together_after_seen_and_unseen(corpus: Callable[[str], Path]) -> None:
    text = (corpus("tinyshakespeare") / "input.txt").read_text(encoding="utf-8")[:100_000]
    model = NGram.train([text], order=6, marked=False)
    for history in ("", "F", "First", "the king", "zqxj\n", "q\u00fcq", text[-5:], "xx the", "QQQQQ"):
        assert model.next(history).sum() == pytest.approx(1, abs=1e-12)
        assert model.next(history).min() >= 0


def test_shakespeare_in_a_piece_as_by_the_book(corpus: Callable[[str], Path]) -> None:
    text = (corpus("tinyshakespeare") / "input.txt").read_text(encoding="utf-8")
    train, held_out = text[:30_000], text[30_000:32_000]
    book, model = ByTheBook([train], 6, marked=False), NGram.train([train], order=6, marked=False)
    known = [token if token in book.vocabulary else "<unk>" for token in held_out]
    expected = [-math.log(book.prob(known[at], tuple(known[max(0, at - 5) : at]))) for at in range(len(known))]
    np.testing.assert_allclose(model.score(held_out), expected, rtol=1e-9)


def test_the_whole_of_shakespeare(corpus: Callable[[str], Path]) -> None:
    """As published nowhere; KenLM gives the same for the file that we write (test_arpa.py)."""
    text = (corpus("tinyshakespeare") / "input.txt").read_text(encoding="utf-8")
    split = int(len(text) * 0.9)
    started = time.process_time()
    model = NGram.train([text[:split]], order=6, marked=False)
    found = model.likelihood([text[split:]])
    assert time.process_time() - started < 15
    assert found.nats_per_token == pytest.approx(1.52262, abs=1e-5)
    assert found.perplexity == pytest.approx(4.58422, abs=1e-5)
    assert found.num_tokens == 111_540


def test_an_unknown_token_in_the_text_is_counted() -> None:
    model = NGram.train([["<unk>", "is", "here"], ["here", "<unk>"]], order=2)
    assert model.tokens == ("<unk>", "<s>", "</s>", "here", "is")
    assert model.log_prob("is", ["never", "seen"]) == model.log_prob("is", ["<unk>"])
    assert model.log_prob("is", ["seen"]) > model.log_prob("is", ["is"])


@pytest.mark.parametrize(
    ("texts", "order", "message"),
    [
        ([], 2, "there is no text"),
        (["abc"], 0, r"from 1 to 10 \(found 0\)"),
        (["abc"], 11, r"from 1 to 10 \(found 11\)"),
        ([["a"]], 4, r"the longest sequence has 3 tokens \(with <s> and </s>\), so there are no 4-grams"),
        ([["a", "<s>"]], 2, "<s> stands in the text, but it marks where sentences begin or end"),
        ([["a", "</s>"]], 2, "</s> stands in the text"),
        ([["a", ""]], 2, "a token is empty"),
    ],
)
def test_what_cannot_be_counted(texts: list[list[str]], order: int, message: str) -> None:
    with pytest.raises(DataError, match=message):
        NGram.train(texts, order=order)


def test_running_text_that_is_empty_or_short() -> None:
    for texts, message in (([""], "there is no text"), (["abc"], "has 3 tokens, so there are no 4-grams")):
        with pytest.raises(DataError, match=message):
            NGram.train(texts, order=4, marked=False)
    model = NGram.train(["abc"], order=3, marked=False)
    with pytest.raises(DataError, match="nothing can be predicted"):
        model.likelihood([""])
    with pytest.raises(DataError, match="</s> stands in the text"):
        model.score(["</s>"])
    assert len(model.score("")) == 0
