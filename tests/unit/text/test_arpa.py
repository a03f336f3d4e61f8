"""ARPA files: by hand, against a look-up in a dictionary and KenLM's own reader, there and back, and damaged."""

import math
import random
from collections.abc import Callable, Sequence
from contextlib import suppress
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_audio.errors import DataError
from crnn_audio.text import arpa
from crnn_audio.text.ngram import NGram
from tests.unit.text.by_the_book import sentences

AAB = """
\\data\\
ngram 1=5
ngram 2=2

\\1-grams:
-0.77815125	<unk>	0
-99	<s>	0
-99	</s>	0
-0.301029996	a	-0.301029996
-0.477121255	b	0

\\2-grams:
-0.301029996	a a
-0.380211242	a b

\\end\\
"""
"""Of "aab" in pairs: a 1/2, b 1/3, unknown 1/6; after a half is backed off, and each of a and b has another quarter."""


def test_by_hand(tmp_path: Path) -> None:
    arpa.write(NGram.train(["aab"], order=2, marked=False), tmp_path / "m.arpa")
    assert (tmp_path / "m.arpa").read_text(encoding="utf-8") == AAB


def words() -> tuple[NGram, list[list[str]]]:
    model = NGram.train(sentences(200, 30, seed=1), order=3)
    return model, [*sentences(30, 36, seed=2), []]


def characters(length: int = 4) -> tuple[NGram, list[str]]:
    text = "\n".join(" ".join(line) for line in sentences(200, 12, seed=3))
    return NGram.train([text], order=length, marked=False), [f"w1\tw2 \u00a0{text[300:900]}", text[:5]]


MODELS = {"words": words, "characters": characters}


@pytest.fixture(params=MODELS)
def written(request: pytest.FixtureRequest, tmp_path: Path) -> tuple[NGram, Sequence[Sequence[str]], Path]:
    """A model, texts to judge, and its file."""
    model, held_out = MODELS[request.param]()
    arpa.write(model, tmp_path / "m.arpa")
    return model, held_out, tmp_path / "m.arpa"


def looked_up(path: Path, token: str, history: tuple[str, ...]) -> float:
    """The decimal logarithm by the rule of the format, from a dictionary of its lines."""
    lines = [line.split("\t") for line in path.read_text(encoding="utf-8").split("\n") if "\t" in line]
    listed = {tuple(fields[1].split(" ")): [float(number) for number in (fields[0], *fields[2:])] for fields in lines}

    def found(gram: tuple[str, ...]) -> float:
        if gram in listed:
            return listed[gram][0]
        backoff = listed.get(gram[:-1], (0.0, 0.0))
        return backoff[1] + found(gram[1:])

    return found((*history, token))


def test_backing_off_gives_the_probabilities_of_the_model(written: tuple) -> None:
    model, held_out, path = written
    text = list(held_out[0] or held_out[1])
    for end in range(1, 12):
        history = text[max(0, end - model.order + 1) : end]
        known = [token if token in model.tokens else "<unk>" for token in history]
        for token in model.tokens[2:8]:
            if token != "</s>" or model.marked:
                expected = looked_up(path, arpa.escaped(token), tuple(map(arpa.escaped, known)))
                assert model.log_prob(token, history) == pytest.approx(expected * math.log(10), abs=1e-7)


def test_there_and_back(written: tuple) -> None:
    model, held_out, path = written
    again = arpa.read(path)
    assert (again.tokens, again.order, again.marked) == (model.tokens, model.order, model.marked)
    for one in held_out:
        np.testing.assert_allclose(again.score(one), model.score(one), rtol=0, atol=1e-7)
        np.testing.assert_allclose(again.next(one[:2]), model.next(one[:2]), rtol=1e-7)
    for ours, theirs in zip(model.grams, again.grams, strict=True):
        np.testing.assert_array_equal(theirs.keys, ours.keys)


def test_kenlm_reads_it_and_gives_the_same(written: tuple) -> None:
    kenlm = pytest.importorskip("flashlight.lib.text.decoder.kenlm", reason="flashlight-text, with KenLM, is absent")
    from flashlight.lib.text.dictionary import Dictionary

    model, held_out, path = written
    names = Dictionary([arpa.escaped(token) for token in model.tokens])
    theirs = kenlm.KenLM(str(path), names)
    for one in held_out:
        state, found = theirs.start(not model.marked), []
        for token in one:
            known = token if token in model.tokens else "<unk>"
            state, log10 = theirs.score(state, names.get_index(arpa.escaped(known)))
            found.append(log10)
        if model.marked:
            found.append(theirs.finish(state)[1])
        np.testing.assert_allclose(-np.array(found) * math.log(10), model.score(one), rtol=1e-6, atol=1e-6)


def test_kenlm_reads_order_six(corpus: Callable[[str], Path], tmp_path: Path) -> None:
    kenlm = pytest.importorskip("flashlight.lib.text.decoder.kenlm", reason="flashlight-text, with KenLM, is absent")
    from flashlight.lib.text.dictionary import Dictionary

    text = (corpus("tinyshakespeare") / "input.txt").read_text(encoding="utf-8")
    model, held_out = NGram.train([text[:100_000]], order=6, marked=False), text[100_000:103_000]
    arpa.write(model, tmp_path / "m.arpa")
    names = Dictionary([arpa.escaped(token) for token in model.tokens])
    theirs = kenlm.KenLM(str(tmp_path / "m.arpa"), names)
    state, total = theirs.start(True), 0.0
    for token in held_out:
        state, log10 = theirs.score(state, names.get_index(arpa.escaped(token)))
        total -= log10 * math.log(10)
    assert math.exp(total / len(held_out)) == pytest.approx(model.likelihood([held_out]).perplexity, rel=1e-6)


@pytest.mark.parametrize(
    ("token", "text"),
    [
        (" ", "<space>"),
        ("\n", "<newline>"),
        ("\t", "<tab>"),
        ("a\u00a0b", "a<U+00A0>b"),
        ("\u2028", "<U+2028>"),
        ("<space>", "<U+003C>space>"),
        ("<U+0041>", "<U+003C>U+0041>"),
        ("<unk>", "<unk>"),
        ("<<x>", "<<x>"),
        ("\U000e0001", "\U000e0001"),
    ],
)
def test_tokens_of_white_space_have_names(token: str, text: str) -> None:
    assert arpa.escaped(token) == text
    assert arpa.unescaped(text) == token


ODD = st.text(st.sampled_from("<>spaceU+01AF \n\t\r\v\u0085\u00a0\u3000\\é"), min_size=1, max_size=12) | st.text(
    min_size=1, max_size=4
)


@settings(max_examples=50, deadline=None)
@given(st.lists(ODD.filter(lambda token: token not in ("<s>", "</s>")), min_size=3, max_size=8))
def test_any_token_there_and_back(tmp_path_factory: pytest.TempPathFactory, tokens: list[str]) -> None:
    assert all(arpa.unescaped(arpa.escaped(token)) == token for token in tokens)
    assert not any(character.isspace() for token in tokens for character in arpa.escaped(token))
    path = tmp_path_factory.getbasetemp() / "odd.arpa"
    model = NGram.train([tokens], order=3)
    arpa.write(model, path)
    assert arpa.read(path).tokens == model.tokens
    np.testing.assert_allclose(arpa.read(path).score(tokens), model.score(tokens), atol=1e-7)


def test_files_of_other_programs(tmp_path: Path) -> None:
    """As SRILM and lmplz write them: words before the head, spaces, no back-off where it is nought, <s> certain."""
    path = tmp_path / "m.arpa"
    lines = "made by hand|\r|\\data\\\r|ngram 1 = 3|ngram 2=2||\\1-grams:|0 <s>  -0.3|-0.5 </s>|-0.2 yes -0.1||"
    lines += "\\2-grams:|-0.1 <s> yes|-0.4 yes </s>||\\end\\|and more"
    path.write_text(lines.replace("|", "\n"), encoding="utf-8", newline="")
    model = arpa.read(path)
    assert model.tokens == ("<unk>", "<s>", "</s>", "yes")
    assert model.marked
    np.testing.assert_allclose(model.score(["yes"]), np.array([0.1, 0.4]) * math.log(10))
    np.testing.assert_allclose(model.score(["yes", "yes"]), np.array([0.1, 0.1 + 0.2, 0.4]) * math.log(10))
    np.testing.assert_allclose(model.next(["<s>"]), [0, 0, 10**-0.8, 10**-0.1])
    assert model.likelihood([["no"]]).perplexity == math.inf


@pytest.mark.parametrize(
    ("was", "becomes", "message"),
    [
        ("\\data\\", "\\date\\", "line 17: the file ends here without .data., with which an ARPA file begins"),
        ("ngram 1=5\n", "", "line 3: should be 'ngram 1=' and a number .found 'ngram 2=2'."),
        ("ngram 1=5\nngram 2=2\n", "", "line 4: should be 'ngram 1=' and a number"),
        ("ngram 2=2", "ngram 2=two", "line 4: should be 'ngram 2=' and a number .found 'ngram 2=two'."),
        ("ngram 2=2", "ngram 2=3", "line 17: 2 2-grams stand above, where the head says 3"),
        ("\\1-grams:", "\\1-gram:", "line 6: .1-grams: should stand here .found '.*1-gram:'."),
        ("\\2-grams:\n", "", "line 13: should be a number .found 'a'."),
        (
            "-99	<s>	0",
            "-99	<s>	0	0",
            "line 8: should be a logarithm, 1 tokens and perhaps a back-off .found 4",
        ),
        ("-0.380211242	a b", "-0.380211242	a", "line 15: should be a logarithm, 2 tokens .found 2 fields."),
        (
            "-0.380211242	a b",
            "-0.380211242	a b	0",
            "line 15: should be a logarithm, 2 tokens .found 4 fields.",
        ),
        ("-0.77815125", "-0.778x", "line 7: should be a number .found '-0.778x'."),
        ("-0.77815125", "nan", "line 7: should be a number .found 'nan'."),
        ("-0.77815125", "0.77815125", "line 7: the logarithm of a probability is at most 0 .found 0.77815125."),
        ("b	0", "b	inf", "line 11: should be a number .found 'inf'."),
        ("a b", "a c", "line 15: 'c' is not among the 1-grams"),
        ("a b", "a a", "line 15: this n-gram stands in line 14 already"),
        ("b	0", "a	0", "line 11: 'a' stands in line 10 already"),
        ("\\end\\", "", "line 17: .*end.* should stand here .found ''.: the file is damaged or cut short"),
        (AAB, "", "line 1: the file ends here without .data."),
        (AAB, "\n\n\udcff", "line 3: not UTF-8"),
    ],
)
def test_damage_is_named_with_its_line(tmp_path: Path, was: str, becomes: str, message: str) -> None:
    path = tmp_path / "m.arpa"
    assert AAB.count(was) == 1
    path.write_bytes(AAB.replace(was, becomes).encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError, match=f"m.arpa, {message}") as said:
        arpa.read(path)
    assert str(said.value).endswith(".")


def test_a_history_that_is_not_listed(tmp_path: Path) -> None:
    path = tmp_path / "m.arpa"
    model = NGram.train(["abcabd"], order=3, marked=False)
    arpa.write(model, path)
    lines = path.read_text(encoding="utf-8").replace("ngram 2=4", "ngram 2=3").split("\n")
    gone = next(line for line in lines if line.endswith("\tc a\t0") or "\tc a\t" in line)
    number = next(number for number, line in enumerate(lines) if line.endswith("\tc a b"))
    path.write_text("\n".join(line for line in lines if line != gone), encoding="utf-8")
    with pytest.raises(
        DataError, match=f"m.arpa, line {number}: its history, 'c a', is not listed as an n-gram itself"
    ):
        arpa.read(path)


@pytest.mark.parametrize("seed", range(40))
def test_any_damage_is_a_data_error_or_another_model(tmp_path: Path, seed: int) -> None:
    draws, content = random.Random(seed), bytearray(AAB.encode())
    for _ in range(draws.randint(1, 4)):
        at = draws.randrange(len(content))
        damage = draws.choice([b"", b"\xff", b"\n", b"\t", b"-", b"9", b"\\", b"<", b" "])
        content[at : at + draws.randint(0, 12)] = damage
    (tmp_path / "m.arpa").write_bytes(bytes(content))
    with suppress(DataError):
        arpa.read(tmp_path / "m.arpa").score("ab")


def test_files_that_are_not_there(tmp_path: Path) -> None:
    with pytest.raises(DataError, match=r"no.arpa: cannot be read .No such file or directory."):
        arpa.read(tmp_path / "no.arpa")
    with pytest.raises(DataError, match=r"cannot be read .Is a directory."):
        arpa.read(tmp_path)


def test_what_cannot_be_written_leaves_the_old_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    path = tmp_path / "m.arpa"
    path.write_text("old", encoding="utf-8")

    def full(model: NGram) -> list[list[str]]:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(arpa, "_lines", full)
    with pytest.raises(OSError, match="No space left"):
        arpa.write(words()[0], path)
    assert path.read_text(encoding="utf-8") == "old"
    assert list(tmp_path.iterdir()) == [path]
