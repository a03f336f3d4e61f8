"""The prefix beam against every path there is; n-grams, lexicons and hot words inside it against sums by hand."""

import itertools
import math
from collections import defaultdict

import numpy as np
import pytest
import torch

from crnn_audio.decoding.alignment import aligned, aligned_one
from crnn_audio.decoding.beam import decoder as decoding
from crnn_audio.decoding.beam.decoder import PrefixBeam
from crnn_audio.decoding.beam.ngrams import NGramTable, TokenNGram
from crnn_audio.decoding.beam.words import LETTER_SCORE, WordScorer
from crnn_audio.errors import RunError
from crnn_audio.text.ngram import NGram
from crnn_audio.text.vocabulary import Vocabulary
from tests.unit.decoding.graph.automata import collapse, posteriors

LETTERS = Vocabulary.build(["ab "], "characters")
SPACE = LETTERS.separator_id


def totals(log_probs: torch.Tensor) -> dict[tuple[int, ...], float]:
    """The log-probability of each token sequence, summed over its paths."""
    found = defaultdict(list)
    for labels in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        found[collapse(labels)].append(sum(float(log_probs[at, label]) for at, label in enumerate(labels)))
    return {tokens: float(torch.tensor(scores, dtype=torch.float64).logsumexp(0)) for tokens, scores in found.items()}


def words_of(tokens: tuple[int, ...]) -> list[str]:
    return LETTERS.decode(tokens).split()


def test_a_wide_beam_finds_every_sequence_with_its_sum() -> None:
    log_probs, lengths = posteriors(3, 4, 3, 0), torch.tensor([4, 3, 1])
    found = PrefixBeam(width=60).nbest(log_probs, lengths)
    for row, length in enumerate(lengths.tolist()):
        expected = totals(log_probs[row, :length])
        assert {one.tokens: pytest.approx(one.score, abs=1e-9) for one in found[row]} == expected
        assert found[row][0].tokens == max(expected, key=expected.get)


@pytest.mark.parametrize(("order", "marked"), [(1, True), (2, True), (3, True), (3, False), (4, False)])
def test_an_ngram_of_tokens_adds_what_the_model_says(order: int, marked: bool) -> None:
    model = NGram.train(["ab ba", "a bb a", "b"], order=order, marked=marked)
    ids = [0, 0, *(model.tokens.index(token) for token in LETTERS.tokens[2:])]
    log_probs = posteriors(1, 4, 5, order)[:, :, :5]
    log_probs[:, :, 1] = -1e9
    for dense in (2**22, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("crnn_audio.decoding.beam.ngrams.DENSE", dense)
            scorer = TokenNGram(NGramTable(model), ids, 0.7, 0.3, marked)
        found = PrefixBeam([scorer], width=400).nbest(log_probs, torch.tensor([4]))[0]
        expected = totals(log_probs[0])
        for one in found[:60]:
            nats = float(model.score([LETTERS.tokens[token] for token in one.tokens]).sum())
            assert one.score == pytest.approx(expected[one.tokens] - 0.7 * nats + 0.3 * len(one.tokens), abs=1e-9)


def test_the_table_gives_what_the_model_gives_for_every_history() -> None:
    generator = np.random.default_rng(0)
    texts = [["abcd"[at] for at in generator.integers(0, 4, 30)] for _ in range(3)]
    for marked in (True, False):
        model = NGram.train(texts, order=4, marked=marked)
        table = NGramTable(model)
        for _ in range(12):
            sentence = ["abcde"[at] for at in generator.integers(0, 5, 12)]
            state = torch.tensor([table.start])
            for at, token in enumerate(sentence):
                id = model.tokens.index(token) if token in model.tokens else 0
                found, state = table.look_up(state, torch.tensor([id]))
                history = [*(["<s>"] if marked else []), *sentence[:at]]
                assert float(found) == pytest.approx(model.log_prob(token, history), abs=1e-9)


@pytest.mark.parametrize("is_open", [False, True])
def test_words_add_what_they_should(is_open: bool) -> None:
    model = NGram.train([["ab", "b"], ["b", "b"], ["ab"]], order=2)
    words, ids = ["ab", "b", "ba"], [model.tokens.index("ab"), model.tokens.index("b"), 0]
    log_probs = posteriors(1, 4, 5, 7)
    log_probs[:, :, 1] = -1e9
    for dense in (2**22, 0):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("crnn_audio.decoding.beam.words.DENSE", dense)
            scorer = WordScorer(
                words,
                LETTERS,
                table=NGramTable(model),
                ids=ids,
                weight=0.6,
                word_score=0.2,
                bonuses={"ba": 1.5},
                is_open=is_open,
            )
        found = PrefixBeam([scorer], width=400).nbest(log_probs, torch.tensor([4]))[0]
        acoustic = totals(log_probs[0])
        listed = {one.tokens for one in found}
        for tokens in acoustic:
            if 1 not in tokens:
                assert (tokens in listed) == (is_open or set(words_of(tokens)) <= set(words)), tokens
        for one in found:
            said = words_of(one.tokens)
            outside = sum(
                sum(not any(word.startswith(found[: at + 1]) for word in words) for at in range(len(found)))
                for found in said
            )
            expected = -0.6 * float(model.score([word if word in model.tokens else "<unk>" for word in said]).sum())
            expected += 0.2 * len(said) + 1.5 * said.count("ba") + LETTER_SCORE * outside
            assert one.score == pytest.approx(acoustic[one.tokens] + expected, abs=1e-9), said


def test_alone_as_in_a_batch_and_streamed_as_whole(monkeypatch: pytest.MonkeyPatch) -> None:
    log_probs, lengths = posteriors(3, 60, 5, 1, torch.float32), torch.tensor([60, 17, 0])
    model = NGram.train(["ab ba", "a bb a", "b"], order=3, marked=False)
    ids = [0, 0, *(model.tokens.index(token) for token in LETTERS.tokens[2:])]
    beam = PrefixBeam([TokenNGram(NGramTable(model), ids, 0.5, 0.0, False)], width=6)
    together = beam.decode(log_probs, lengths)
    for row, length in enumerate(lengths.tolist()):
        assert beam.decode(log_probs[row : row + 1, :length], lengths[row : row + 1])[0] == together[row]
    assert beam.decode(log_probs.flip(0), lengths.flip(0))[::-1] == together
    for piece, chunk in ((250, 1), (250, 7), (20, 7), (20, 60)):
        monkeypatch.setattr(decoding, "PIECE", piece)
        state, stable = None, ()
        for begin in range(0, 60, chunk):
            state = beam.step(log_probs[0, begin : begin + chunk], state)
            assert state.path.tokens[: len(stable)] == stable
            assert state.best.tokens[: len(stable)] == stable
            stable = state.path.tokens
        path, after = beam.finish(state)
        assert path.tokens == together[0].tokens
        assert after.num_frames == 60
        if piece == 250:
            assert path == together[0]
        else:
            assert len(stable) > 3
            assert len(state.frames) < 60


def test_nan_is_refused_and_nothing_fits_an_empty_lexicon() -> None:
    log_probs = posteriors(1, 3, 5, 0)
    path = PrefixBeam([WordScorer(["bbbb"], LETTERS)]).decode(log_probs - 0, torch.tensor([3]))[0]
    assert path.tokens in ((), (SPACE,))
    log_probs[0, 1] = math.nan
    with pytest.raises(RunError, match="NaN"):
        PrefixBeam().decode(log_probs, torch.tensor([3]))
    with pytest.raises(RunError, match="m: the model computes NaN"):
        PrefixBeam(model="m").step(log_probs[0], None)


def test_alignment_is_the_best_path_of_its_tokens() -> None:
    for seed in range(20):
        log_probs = posteriors(2, 5, 3, seed).numpy()
        tokens = [(1, 1), (2, 1)]
        found = aligned(log_probs, [5, 3], tokens)
        for row, length in enumerate([5, 3]):
            paths = [
                (sum(log_probs[row, at, label] for at, label in enumerate(labels)), labels)
                for labels in itertools.product(range(3), repeat=length)
                if collapse(labels) == tokens[row]
            ]
            _, best = max(paths)
            runs, at = [], 0
            for label, run in itertools.groupby(best):
                size = len(list(run))
                if label:
                    runs.append((at, at + size))
                at += size
            assert list(zip(found[row].starts, found[row].ends, strict=True)) == runs
            blanks = [math.exp(log_probs[row, at, 0]) for at, label in enumerate(best) if label == 0]
            assert found[row].blank_prob == pytest.approx(min(blanks, default=1.0))
            assert aligned_one(log_probs[row, :length], tokens[row]) == found[row]
    with pytest.raises(ValueError, match="2 tokens do not fit into 2 frames"):
        aligned(log_probs, [2, 3], [(1, 1), (1,)])


def test_a_long_recording_is_aligned_in_parts_as_at_once() -> None:
    generator = np.random.default_rng(0)
    tokens = generator.integers(1, 6, 800).tolist()
    labels = [label for token in tokens for label in (token, token, 0, 0)]
    log_probs = torch.full((len(labels), 6), 0.02).index_put(
        (torch.arange(len(labels)), torch.tensor(labels)), torch.tensor(0.9)
    )
    frames = log_probs.double().log().numpy()
    found = aligned_one(frames, tokens)
    assert found.tokens == tuple(tokens)
    assert found.starts == tuple(range(0, 3200, 4))
    noise = posteriors(1, 1700, 6, 1)[0].numpy()
    whole = aligned_one(noise, tokens)
    for cells in (1, 1601 * 7, 1601 * 1699, 1601 * 1700):
        assert aligned_one(noise, tokens, cells) == whole
    for cells in (1, 2**27):
        with pytest.raises(ValueError, match="800 tokens do not fit into 900 frames"):
            aligned_one(frames[:900], tokens, cells)
    assert aligned_one(frames[:4], []).tokens == aligned_one(frames[:0], []).tokens == ()
    with pytest.raises(ValueError, match="1 tokens do not fit into 0 frames"):
        aligned_one(frames[:0], [3])
