"""flashlight's decoder against every path there is, against our own graphs, and what it refuses."""

import itertools
import math
import sys
from pathlib import Path

import pytest
import torch

from crnn_audio.decoding.build import decoder_of
from crnn_audio.decoding.flashlight import FlashlightDecoder, Words
from crnn_audio.decoding.options import DecodingOptions
from crnn_audio.errors import DataError, RunError
from crnn_audio.text import arpa
from crnn_audio.text.ngram import NGram
from crnn_audio.text.vocabulary import Vocabulary
from tests.unit.decoding.graph.automata import collapse, posteriors

pytestmark = pytest.mark.skipif(sys.version_info >= (3, 13), reason="flashlight-text has no wheel for this Python")

LETTERS = Vocabulary.build(["ab "], "characters")
KNOWN = ["ab", "b", "ba", "aa"]
MODEL = NGram.train([["ab", "b"], ["b", "b"], ["ab"], ["aa", "ab", "b"]], order=2)


@pytest.fixture
def ngram(tmp_path: Path) -> Path:
    arpa.write(MODEL, tmp_path / "words.arpa")
    return tmp_path / "words.arpa"


@pytest.fixture
def lexicon(tmp_path: Path) -> Path:
    (tmp_path / "words.txt").write_text("\n".join(KNOWN))
    return tmp_path / "words.txt"


def best_paths(log_probs: torch.Tensor, vocabulary: Vocabulary = LETTERS) -> dict[tuple[str, ...], float]:
    """The log-probability of the best path of each sequence of known words."""
    found = dict[tuple[str, ...], float]()
    for labels in itertools.product(range(log_probs.shape[1]), repeat=len(log_probs)):
        words = tuple(vocabulary.decode(collapse(labels)).split())
        score = sum(float(log_probs[at, label]) for at, label in enumerate(labels))
        if set(words) <= set(KNOWN):
            found[words] = max(found.get(words, -math.inf), score)
    return found


def listed(decoder: FlashlightDecoder, log_probs: torch.Tensor) -> dict[tuple[str, ...], float]:
    (path,) = decoder.decode(log_probs.unsqueeze(0), torch.tensor([len(log_probs)]))
    return {tuple(decoder.vocabulary.decode(tokens).split()): score for tokens, score in path.alternatives}


@pytest.mark.parametrize("seed", range(3))
def test_a_wide_beam_finds_every_sequence_with_the_score_of_its_best_path(seed: int, ngram: Path) -> None:
    log_probs = posteriors(1, 5, 5, seed)[0]
    expected = best_paths(log_probs)
    bare = FlashlightDecoder(Words(KNOWN, 0.3), LETTERS, 2000, 2000)
    assert listed(bare, log_probs) == {
        words: pytest.approx(score + 0.3 * len(words), abs=1e-4) for words, score in expected.items()
    }
    weighed = FlashlightDecoder(Words(KNOWN, -0.2, ngram, [*KNOWN[:2], "?", *KNOWN[3:]], 0.7), LETTERS, 2000, 2000)
    assert listed(weighed, log_probs) == {
        words: pytest.approx(
            score - 0.2 * len(words) - 0.7 * float(MODEL.score([w if w != "ba" else "<unk>" for w in words]).sum()),
            abs=1e-4,
        )
        for words, score in expected.items()
    }


def test_letters_without_a_separator_spell_one_word() -> None:
    letters = Vocabulary.build(["ab"], "characters")
    log_probs = posteriors(1, 5, 4, 1)[0]
    expected = {words: score for words, score in best_paths(log_probs, letters).items() if len(words) < 2}
    decoder = FlashlightDecoder(Words(KNOWN), letters, 2000, 2000)
    assert listed(decoder, log_probs) == {words: pytest.approx(score, abs=1e-4) for words, score in expected.items()}


def test_it_finds_what_the_graph_finds(lexicon: Path) -> None:
    ours = decoder_of(DecodingOptions(lexicon=lexicon, word_score=0.5), LETTERS)
    theirs = decoder_of(DecodingOptions(lexicon=lexicon, word_score=0.5, decoder="flashlight", beam=300), LETTERS)
    log_probs, lengths = posteriors(8, 60, 5, 5), torch.tensor([60, 50, 31, 20, 9, 2, 1, 0])
    for one, other in zip(ours.decode(log_probs, lengths), theirs.decode(log_probs, lengths), strict=True):
        said = LETTERS.decode(other.tokens)
        assert said == " ".join(LETTERS.decode(one.tokens).split())
        inner = [at for at, token in enumerate(one.tokens) if token != LETTERS.separator_id]
        kept = [at for at, token in enumerate(other.tokens) if token != LETTERS.separator_id]
        assert [other.starts[at] for at in kept] == [one.starts[at] for at in inner]
        assert [other.ends[at] for at in kept] == [one.ends[at] for at in inner]
        assert [other.probs[at] for at in kept] == pytest.approx([one.probs[at] for at in inner])


def test_words_in_the_case_of_the_letters_and_words_that_the_ngram_lacks(tmp_path: Path, capfd) -> None:
    letters = Vocabulary.build(["ABCDEFGHIJKLMNOPQRSTUVWXYZ "], "characters")
    arpa.write(NGram.train([["a", "cat"], ["a", "cat"], ["a", "can"]], order=2), tmp_path / "words.arpa")
    (tmp_path / "words.txt").write_text("a\ncat\ncar\n")
    probs = torch.full((10, len(letters)), 1e-4)
    for at, (letter, other) in enumerate(zip("A CAR", "A CAT", strict=True)):
        probs[2 * at, letters.encode(letter)], probs[2 * at + 1, 0] = 0.6, 1.0
        probs[2 * at, letters.encode(other)] += 0.4
    log_probs = (probs / probs.sum(-1, keepdim=True)).log().unsqueeze(0)
    for given, expected in (
        ({"lm": "words.arpa"}, "A CAT"),
        ({"lexicon": "words.txt"}, "A CAR"),
        ({"lexicon": "words.txt", "lm": "words.arpa"}, "A CAT"),
        ({"lexicon": "words.txt", "lm": "words.arpa", "lm_weight": 0.05}, "A CAR"),
    ):
        named = {name: tmp_path / value if isinstance(value, str) else value for name, value in given.items()}
        decoder = decoder_of(DecodingOptions(**named, decoder="flashlight"), letters)
        (path,) = decoder.decode(log_probs, torch.tensor([10]))
        assert letters.decode(path.tokens) == expected, given
        assert path.starts == (0, 2, 4, 6, 8)
    assert capfd.readouterr() == ("", ""), "KenLM shows how far it has read"


def test_alone_as_in_a_batch_and_in_pieces_as_whole(lexicon: Path, ngram: Path) -> None:
    options = DecodingOptions(lexicon=lexicon, lm=ngram, nbest=3, decoder="flashlight")
    decoder = decoder_of(options, LETTERS)
    log_probs, lengths = posteriors(3, 60, 5, 2, torch.float32), torch.tensor([60, 17, 0])
    together = decoder.decode(log_probs, lengths)
    assert [len(path.alternatives) for path in together] == [3, 3, 0]
    for row, length in enumerate(lengths.tolist()):
        alone = log_probs[row, :length]
        assert decoder.decode(alone.unsqueeze(0), torch.tensor([length])) == [together[row]]
        state = None
        for begin in range(0, max(length, 1), 7):
            state = decoder.step(alone[begin : begin + 7], state)
        assert (state.best, state.num_frames) == (state.path, length)
        path, after = decoder.finish(state)
        assert path == together[row]
        assert (after.num_frames, after.frames) == (length, ())
    log_probs[1, 3, 2] = math.nan
    for act in (lambda: decoder.decode(log_probs, lengths), lambda: decoder.step(log_probs[1], None)):
        with pytest.raises(RunError, match="computes NaN"):
            act()


def test_a_word_that_is_cut_short_is_left_out() -> None:
    decoder = FlashlightDecoder(Words(["ab", "bbb"]), LETTERS, 1)
    probs = torch.full((6, 5), 1e-3)
    for at, id in enumerate((*LETTERS.encode("ab "), *LETTERS.encode("b"), 0, *LETTERS.encode("b"))):
        probs[at, id] = 1.0
    (path,) = decoder.decode(probs.log().unsqueeze(0), torch.tensor([6]))
    assert LETTERS.decode(path.tokens) == "ab"
    assert path.blank_prob == pytest.approx(1e-3)


def test_what_it_cannot_do(lexicon: Path, ngram: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arpa.write(NGram.train(["ab ba b"], order=3), tmp_path / "letters.arpa")
    arpa.write(NGram.train([["ab", "ba"]], order=1, marked=False), tmp_path / "running.arpa")
    arpa.write(NGram.train([["ab", "ba"] * 5], order=7), tmp_path / "long.arpa")
    arpa.write(NGram.train([["ab", "ba"] * 5], order=1), tmp_path / "one.arpa")
    words = Vocabulary.build(["ab b ba aa"], "words")
    for vocabulary, given, wrong in (
        (LETTERS, {}, "looks for words that are known: give a lexicon"),
        (LETTERS, {"grammar": lexicon}, "neither grammars nor expected words"),
        (LETTERS, {"lexicon": lexicon, "hotwords": lexicon}, "neither grammars nor expected words"),
        (LETTERS, {"lm": tmp_path / "letters.arpa"}, "letters.arpa: decoder flashlight takes n-grams of the words"),
        (LETTERS, {"lm": tmp_path / "running.arpa"}, "running.arpa: decoder flashlight takes n-grams of the words"),
        (LETTERS, {"lm": tmp_path / "long.arpa"}, "long.arpa: KenLM refuses it because"),
        (LETTERS, {"lm": tmp_path / "one.arpa"}, "one.arpa: KenLM refuses it because"),
        (words, {"lexicon": lexicon}, "the model writes words, and decoder flashlight looks for words among char"),
    ):
        with pytest.raises(DataError, match=wrong):
            decoder_of(DecodingOptions(**given, decoder="flashlight"), vocabulary)
    with pytest.raises(DataError, match="a run, by which decoder flashlight orders nothing again"):
        decoder_of(DecodingOptions(lm=tmp_path, decoder="flashlight"), LETTERS, language_model=Says())
    with pytest.raises(DataError, match=r"decoder should be built-in or flashlight \(found 'flashlght'\)"):
        DecodingOptions(decoder="flashlght")
    for name in ("flashlight", "flashlight.lib.text.decoder"):
        monkeypatch.setitem(sys.modules, name, None)
    with pytest.raises(DataError, match=r"needs the package flashlight-text: pip install 'crnn_audio\[lm\]'"):
        decoder_of(DecodingOptions(lexicon=lexicon, decoder="flashlight"), LETTERS)


class Says:
    def log_prob(self, text: str) -> float:
        return 0.0
