"""Options become decoders; files that do not fit are refused with what is wrong."""

import math
from pathlib import Path

import pytest
import torch

from crnn_audio.decoding.beam.decoder import PrefixBeam
from crnn_audio.decoding.build import decoder_of
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.decoding.graph.decoder import GraphDecoder
from crnn_audio.decoding.options import DecodingOptions
from crnn_audio.errors import DataError
from crnn_audio.text import arpa
from crnn_audio.text.ngram import NGram
from crnn_audio.text.vocabulary import Vocabulary

LETTERS = Vocabulary.build(["ABCDEFGHIJKLMNOPQRSTUVWXYZ "], "characters")


def written(folder: Path, name: str, text: str) -> Path:
    (folder / name).write_text(text)
    return folder / name


def says(decoder: object, text: str, slip: str = "", sure: float = 0.9) -> str:
    """What is decoded where the letters of `slip` are somewhat likelier than those of `text`."""
    probs = torch.full((2 * len(text), len(LETTERS)), 1e-4)
    for at, (letter, wrong) in enumerate(zip(text, slip or text, strict=True)):
        probs[2 * at, LETTERS.encode(letter)] = 1 - sure
        probs[2 * at, LETTERS.encode(wrong)] = sure
        probs[2 * at + 1, 0] = 1.0
    log_probs = (probs / probs.sum(-1, keepdim=True)).log()
    return LETTERS.decode(decoder.decode(log_probs.unsqueeze(0), torch.tensor([len(probs)]))[0].tokens)


def test_each_option_has_its_decoder(tmp_path: Path) -> None:
    words = written(tmp_path, "words.txt", "cat\ncan\n")
    arpa.write(NGram.train([["a", "cat"], ["a", "can"], ["a", "cat"]], order=2), tmp_path / "words.arpa")
    arpa.write(NGram.train(["A CAT A CAN A CAT A COT"], order=3, marked=False), tmp_path / "letters.arpa")
    sentences = written(tmp_path, "sentences.txt", "a cat\ncan a cat")
    cases = [
        (DecodingOptions(), Greedy, "A CAR"),
        (DecodingOptions(lexicon=words), GraphDecoder, "CAN CAT"),
        (DecodingOptions(lexicon=words, nbest=2), PrefixBeam, "CAN CAT"),
        (DecodingOptions(lm=tmp_path / "words.arpa"), GraphDecoder, "A CAT"),
        (DecodingOptions(lm=tmp_path / "words.arpa", lexicon=words), GraphDecoder, "CAN CAT"),
        (DecodingOptions(lm=tmp_path / "words.arpa", beam=8), PrefixBeam, "A CAT"),
        (DecodingOptions(lm=tmp_path / "letters.arpa"), PrefixBeam, "A CAT"),
        (DecodingOptions(lm=tmp_path / "letters.arpa", lexicon=words, beam=4), PrefixBeam, "CAN CAT"),
        (DecodingOptions(grammar=sentences), GraphDecoder, "A CAT"),
        (DecodingOptions(hotwords=words), GraphDecoder, "A CAT"),
        (DecodingOptions(hotwords=words, hotword_score=0.1), GraphDecoder, "A CAR"),
        (DecodingOptions(hotwords=words, beam=8), PrefixBeam, "A CAT"),
    ]
    for options, kind, expected in cases:
        decoder = decoder_of(options, LETTERS)
        assert type(decoder) is kind, options
        said = says(decoder, "A CAT", "A CAR", 0.6)
        assert said.strip() == expected if "CAN CAT" not in expected else set(said.split()) <= {"CAT", "CAN"}, options
    hot = decoder_of(DecodingOptions(hotwords=written(tmp_path, "hot.txt", "42\ncap")), LETTERS)
    assert says(hot, "FORTY TWO", "FORTI TWO", 0.6) == "FORTY TWO", "numbers are spelled out"
    assert says(hot, "CAPTAIN") == "CAPTAIN", "other words stay, and a part of one is no word"


def test_other_sentences_may_follow_and_silence_may_be_all(tmp_path: Path) -> None:
    decoder = decoder_of(DecodingOptions(grammar=written(tmp_path, "g.txt", "a cat\ncan a cat")), LETTERS)
    assert says(decoder, "A CAT CAN A CAT") == "A CAT CAN A CAT"
    path = decoder.decode(torch.full((1, 4, len(LETTERS)), -9.0).index_fill(2, torch.tensor([0]), 0), torch.tensor([4]))
    assert path[0].tokens == ()


def test_likely_hypotheses_have_scores(tmp_path: Path) -> None:
    decoder = decoder_of(DecodingOptions(nbest=3), LETTERS)
    probs = torch.full((1, 2, len(LETTERS)), 1e-4)
    probs[0, 0, LETTERS.encode("AB")] = torch.tensor([0.6, 0.4])
    probs[0, 1, 0] = 1.0
    (path,) = decoder.decode(probs.log(), torch.tensor([2]))
    assert [LETTERS.decode(tokens) for tokens, _ in path.alternatives][:2] == ["A", "B"]
    assert path.alternatives[0][1] == pytest.approx(math.log(0.6), abs=1e-3)


def test_alternatives_differ_in_words(tmp_path: Path) -> None:
    words = written(tmp_path, "words.txt", "a\nab\nb\n")
    decoder = decoder_of(DecodingOptions(lexicon=words, nbest=3), LETTERS)
    probs = torch.full((1, 8, len(LETTERS)), 1e-4)
    for at in range(1, 8):  # separators could be here, any number of them
        probs[0, at, [0, *LETTERS.encode(" ")]] = torch.tensor([0.5, 0.4])
    probs[0, 0, LETTERS.encode("A")], probs[0, 4, LETTERS.encode("AB")] = 1.0, torch.tensor([99.0, 0.1])
    log_probs = (probs / probs.sum(-1, keepdim=True)).log()
    (path,) = decoder.decode(log_probs, torch.tensor([8]))
    said = [LETTERS.decode(tokens).split() for tokens, _ in path.alternatives]
    assert len({tuple(one) for one in said}) == 3, said
    assert said[0] == LETTERS.decode(path.tokens).split()


def test_tokens_of_a_model_that_cannot_be_said_are_reported(tmp_path: Path) -> None:
    arpa.write(NGram.train([["a", "café"], ["a", "cat"]], order=2), tmp_path / "w.arpa")
    said = list[str]()
    decoder = decoder_of(DecodingOptions(lm=tmp_path / "w.arpa"), LETTERS, report=said.append)
    assert said == [f"{tmp_path / 'w.arpa'}: 1 of 3 tokens cannot be said by the model, such as 'café'."]
    assert says(decoder, "A CAFE") == "A CAT"
    arpa.write(NGram.train([["é", "1"]], order=1), tmp_path / "w.arpa")
    with pytest.raises(DataError, match="can say none of its tokens"):
        decoder_of(DecodingOptions(lm=tmp_path / "w.arpa"), LETTERS)


def test_vocabularies_of_words_and_of_subwords(tmp_path: Path) -> None:
    words = Vocabulary.build(["a cat can"], "words")
    pieces = Vocabulary("subwords", ("<blank>", "<unk>", "▁a", "▁ca", "n", "t"), (0.0, 0.0, -1.0, -1.0, -1.0, -1.0))
    arpa.write(NGram.train([["a", "cat"], ["a", "cat"]], order=2), tmp_path / "w.arpa")
    arpa.write(NGram.train([["▁a", "▁ca", "t"]], order=2), tmp_path / "p.arpa")
    lexicon = written(tmp_path, "l.txt", "a\ncat\n")
    cases = [
        (words, DecodingOptions(lexicon=lexicon), GraphDecoder),
        (words, DecodingOptions(lm=tmp_path / "w.arpa", nbest=2), PrefixBeam),
        (pieces, DecodingOptions(lexicon=lexicon), GraphDecoder),
        (pieces, DecodingOptions(lm=tmp_path / "w.arpa"), GraphDecoder),
        (pieces, DecodingOptions(lm=tmp_path / "p.arpa"), PrefixBeam),
    ]
    for vocabulary, options, kind in cases:
        decoder = decoder_of(options, vocabulary)
        assert type(decoder) is kind, options
        probs = torch.full((6, len(vocabulary)), 1e-4)
        for at, id in enumerate(vocabulary.encode("a cat")):
            probs[2 * at, id], probs[2 * at + 1, 0] = 0.45, 1.0
            probs[2 * at, vocabulary.tokens.index("can" if vocabulary is words else "n")] += 0.5 * (at > 0)
        probs[-1, 0] = 1.0
        log_probs = (probs / probs.sum(-1, keepdim=True)).log().unsqueeze(0)
        said = vocabulary.decode(decoder.decode(log_probs, torch.tensor([6]))[0].tokens)
        assert set(said.split()) <= {"a", "cat"}, (said, options)
    with pytest.raises(DataError, match="the model writes subwords, and a beam looks for words among characters alone"):
        decoder_of(DecodingOptions(lexicon=lexicon, nbest=2), pieces)


def test_a_large_model_is_searched_by_the_beam(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    arpa.write(NGram.train([["a", "cat"], ["a", "can"]], order=2), tmp_path / "w.arpa")
    monkeypatch.setattr("crnn_audio.decoding.graph.ngrams.MAX_WORD_ARCS", 5)
    decoder = decoder_of(DecodingOptions(lm=tmp_path / "w.arpa"), LETTERS)
    assert isinstance(decoder, PrefixBeam)
    assert says(decoder, "A CAT", "A CAR", 0.6) == "A CAT"


@pytest.mark.parametrize(
    ("fields", "message"),
    [
        ({"lm_weight": math.nan}, r"lm_weight should be a finite number \(found nan\)"),
        ({"word_score": math.inf}, "word_score should be a finite number"),
        ({"lm_weight": -1}, "lm_weight should be 0 or more"),
        ({"nbest": 0}, "nbest 1 or more"),
        ({"grammar": Path("g"), "lexicon": Path("l")}, "leave out lm and lexicon"),
    ],
)
def test_options_out_of_range(fields: dict[str, object], message: str) -> None:
    with pytest.raises(DataError, match=message):
        DecodingOptions(**fields)


def test_files_that_do_not_fit(tmp_path: Path) -> None:
    for text, message in [("", "holds no words"), ("ok\nnaïve\n", r"no letters 'Ï' \(in 'NAÏVE'\)")]:
        with pytest.raises(DataError, match=message):
            decoder_of(DecodingOptions(lexicon=written(tmp_path, "w.txt", text)), LETTERS)
    with pytest.raises(DataError, match="is more than one word"):
        decoder_of(DecodingOptions(hotwords=written(tmp_path, "w.txt", "new york"), beam=4), LETTERS)
    with pytest.raises(DataError, match="absent"):
        decoder_of(DecodingOptions(lm=tmp_path / "absent.arpa"), LETTERS)
    broken = written(tmp_path, "b.arpa", "\\data\\\nngram 1=1\nngram 2=1\n\n\\1-grams:\n-1 a x\n\n\\end\\\n")
    with pytest.raises(DataError, match=r"b.arpa, line 6: should be a number \(found 'x'\)"):
        decoder_of(DecodingOptions(lm=broken), LETTERS)
    with pytest.raises(DataError, match="should stand here"):
        decoder_of(DecodingOptions(lm=written(tmp_path, "b.arpa", broken.read_text().replace(" x", ""))), LETTERS)


def test_what_tells_decoders_apart(tmp_path: Path) -> None:
    words = written(tmp_path, "words.txt", "cat")
    one = DecodingOptions(lexicon=words, word_score=-0.5).identity
    assert one.startswith("word_score -0.5, lexicon words.txt ")
    words.write_text("dog")
    assert DecodingOptions(lexicon=words, word_score=-0.5).identity != one
    assert DecodingOptions(lm_weight=0.1).identity == ""


class Prefers:
    """A language model that knows one text."""

    def __init__(self, text: str) -> None:
        self.text = text

    def log_prob(self, text: str) -> float:
        return 0.0 if text == self.text else -9.0


def test_a_language_model_orders_hypotheses_again(tmp_path: Path) -> None:
    (tmp_path / "run").mkdir()
    options = DecodingOptions(lm=tmp_path / "run", lm_weight=0.5, nbest=2)
    decoder = decoder_of(options, LETTERS, language_model=Prefers("A CAT"))
    assert type(decoder) is PrefixBeam
    assert says(decoder, "A CAT", "A CAR", 0.7) == "A CAT"
    weak = decoder_of(DecodingOptions(lm=tmp_path / "run", lm_weight=0.05), LETTERS, language_model=Prefers("A CAT"))
    assert says(weak, "A CAT", "A CAR", 0.7) == "A CAR"
    probs = torch.full((1, 2, len(LETTERS)), 1e-4)
    probs[0, 0, LETTERS.encode("AB")] = torch.tensor([0.7, 0.3])
    probs[0, 1, 0] = 1.0
    other = decoder_of(options, LETTERS, language_model=Prefers("B"))
    (whole,) = other.decode(probs.log(), torch.tensor([2]))
    assert [LETTERS.decode(tokens) for tokens, _ in whole.alternatives] == ["B", "A"]
    assert whole.alternatives[0][1] == pytest.approx(math.log(0.3), abs=1e-3)
    live, _ = other.finish(other.step(probs.log()[0, 1:], other.step(probs.log()[0, :1], None)))
    assert live == whole, "a stream gives what the whole gives"
    with pytest.raises(DataError, match="a run, which has to be opened first"):
        decoder_of(options, LETTERS)


def test_a_grammar_has_several_likely_sentences(tmp_path: Path) -> None:
    sentences = written(tmp_path, "g.txt", "a cat\na can\ncan a cat\na car")
    several = decoder_of(DecodingOptions(grammar=sentences, nbest=3), LETTERS)
    assert type(several) is PrefixBeam
    probs = torch.full((10, len(LETTERS)), 1e-4)
    for at, letter in enumerate("A CA"):
        probs[2 * at, LETTERS.encode(letter)] = probs[2 * at + 1, 0] = 1.0
    for letter, prob in (("R", 0.2), ("T", 0.3), ("N", 0.4), ("P", 0.1)):
        probs[8, LETTERS.encode(letter)] = prob
    probs[9, 0] = 1.0
    log_probs = (probs / probs.sum(-1, keepdim=True)).log().unsqueeze(0)
    (path,) = several.decode(log_probs, torch.tensor([10]))
    assert [LETTERS.decode(tokens).strip() for tokens, _ in path.alternatives] == ["A CAN", "A CAT", "A CAR"]
    (exact,) = decoder_of(DecodingOptions(grammar=sentences), LETTERS).decode(log_probs, torch.tensor([10]))
    assert LETTERS.decode(exact.tokens).strip() == "A CAN"
    for seed in range(5):
        generator = torch.Generator().manual_seed(seed)
        noise = (2 * torch.randn(1, 14, len(LETTERS), generator=generator)).log_softmax(-1)
        (found,) = several.decode(noise, torch.tensor([14]))
        listed = {LETTERS.decode(tokens).strip() for tokens, _ in found.alternatives}
        assert listed <= {"A CAT", "A CAN", "CAN A CAT", "A CAR", "", "A CAN A CAT"}, listed
