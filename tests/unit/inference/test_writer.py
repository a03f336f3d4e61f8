"""A model of text: what it writes, how it weighs what others wrote, and how it refuses."""

import math
from collections import Counter
from pathlib import Path

import numpy as np
import pytest
import torch

from crnn_audio import build
from crnn_audio.config.text import TextRecipe
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError, RunError
from crnn_audio.evaluation.evaluate import evaluate, evaluate_file, next_lines
from crnn_audio.inference import writer as writing
from crnn_audio.inference.text.language_model import LanguageModel
from crnn_audio.runs import Run
from crnn_audio.text.words import split_words
from tests import texts as made

UNITS = {
    "characters": {},
    "words": {"task.unit": "words", "task.vocabulary_size": 18, "data.bptt": 8},
    "window": {"data.context_length": 5, "model.embedding_size": 0},
}


def opened(folder: Path, kind: str = "characters") -> LanguageModel:
    """Untrained, in double precision."""
    recipe = made.small(made.file(folder / "text.txt"), {**UNITS[kind], "data.lower_case": True})
    vocabulary = build.vocabulary_of_text(recipe, build.text(recipe).splits["train"])
    run = Run(folder, recipe, vocabulary, None, {"state": "finished"})
    return LanguageModel(run, build.language(recipe, vocabulary).double())


@pytest.fixture(params=UNITS)
def writer(request: pytest.FixtureRequest, tmp_path: Path) -> LanguageModel:
    return opened(tmp_path, request.param)


def test_what_is_written_costs_what_scoring_says(writer: LanguageModel) -> None:
    found = writer.generate(primer="The cat ", tokens=25, sampling=Sampling(seed=3))
    assert found.text.startswith("the cat")
    assert (found.num_tokens, found.seed, found.primer, found.remarks) == (25, 3, "The cat ", ())
    scored = writer.score(found.text)
    assert len(scored.nats) == 25 + len(writer.score("the cat " if "cat " in found.text[:9] else "the cat").nats)
    assert scored.nats[-25:].sum() == pytest.approx(found.nats, rel=1e-9)


def test_many_are_those_that_come_alone_and_streamed(writer: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(writing, "BESIDE", 2)
    many = writer.generate_many(3, primer="the ", tokens=12, sampling=Sampling(seed=5, top_p=0.9))
    assert [one.seed for one in many] == [5, 6, 7]
    for one in many:
        sampling = Sampling(seed=one.seed, top_p=0.9)
        assert writer.generate(primer="the ", tokens=12, sampling=sampling).text == one.text
        pieces = list(writer.stream(primer="the ", tokens=12, sampling=sampling))
        assert "".join(pieces) == one.text
        assert len(pieces) == 13
    assert len({one.text for one in many}) == 3


def test_nothing_need_be_given(writer: LanguageModel) -> None:
    first = writer.generate(tokens=5, sampling=Sampling(temperature=0.0))
    assert first.primer == ""
    assert first.text
    likeliest = next(one.token for one in writer.next(num=2) if one.token != "<unk>")
    assert first.text.startswith(likeliest)


def test_what_may_come_next_adds_up_and_is_what_scoring_says(writer: LanguageModel) -> None:
    found = writer.next("the cat", num=1000)
    assert len(found) == len(writer.vocabulary) - 1
    assert sum(one.probability for one in found) == pytest.approx(1)
    chances = [one.probability for one in found]
    assert chances == sorted(chances, reverse=True)
    token = next(one for one in found if one.token.isalpha() and len(one.token) < 4)
    text = f"the cat {token.token}" if writer.vocabulary.kind == "words" else f"the cat{token.token}"
    assert math.exp(-writer.score(text).nats[-1]) == pytest.approx(token.probability, rel=1e-6)
    assert len(writer.next("the", num=3)) == 3


def test_figures_of_a_score(tmp_path: Path) -> None:
    writer = opened(tmp_path, "words")
    found = writer.score("The cat\nxyzzy the")
    assert found.tokens == ("the", "cat", "xyzzy", "the")
    assert found.num_unknown == 1
    assert found.nats_per_character == pytest.approx(found.nats.sum() / 17)
    assert found.perplexity == pytest.approx(math.exp(found.nats.sum() / 4))


def test_a_primer_of_unknown_characters_is_refused_by_their_names(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    for ask in (writer.generate, writer.stream):
        with pytest.raises(DataError, match=r"characters that this model does not know: 'z', 'é'\. It knows"):
            ask(primer="zé a")
    with pytest.raises(DataError, match="'9'"):
        writer.next("9")
    assert writer.score("9").num_unknown == 1, "what others wrote may hold anything"


def test_unknown_words_of_a_primer_are_told(tmp_path: Path) -> None:
    writer = opened(tmp_path, "words")
    found = writer.generate(primer="the xyzzy", tokens=3)
    assert found.remarks == ("words of the primer that the model does not know: 'xyzzy'",)
    assert found.text.startswith("the <unk>")
    assert "<unk>" not in found.text[9:]


def test_a_primer_shorter_than_the_windows_is_told(tmp_path: Path) -> None:
    writer = opened(tmp_path, "window")
    (remark,) = writer.generate(primer="the ", tokens=3).remarks
    assert remark.startswith("the model learned from windows of 5 characters and the primer has 4:")
    assert writer.remarks("the c") == ()


@pytest.mark.parametrize("asked", [{"tokens": 0}, {"tokens": -3}, {"tokens": 10**7}])
def test_bounds(tmp_path: Path, asked: dict) -> None:
    writer = opened(tmp_path)
    with pytest.raises(DataError, match="tokens: should be above 0"):
        writer.generate(**asked)
    with pytest.raises(DataError, match="tokens: should be above 0"):
        writer.stream(**asked)
    with pytest.raises(DataError, match="num: should be above 0"):
        writer.generate_many(0)
    with pytest.raises(DataError, match="an empty text"):
        writer.score("")


def test_weights_that_diverged_are_told(tmp_path: Path) -> None:
    writer = opened(tmp_path)
    with torch.no_grad():
        writer.task.model.head.linear.bias.fill_(math.nan)
    with pytest.raises(RunError, match="NaN"):
        writer.score("the cat")


# ----------------------------------------------------------------------------------------- evaluation


def test_a_split_is_one_running_text(writer: LanguageModel) -> None:
    recipe = writer.run.language
    text = build.text(recipe).splits["dev"]
    found = evaluate(writer)
    assert (found.corpus, found.split, found.unit) == (recipe.data.root, "dev", recipe.task.unit)
    assert np.array_equal(found.likelihood.nats, writer.score(text).nats)
    assert found.scores == {"nats_per_character": found.likelihood.nats.sum() / len(text)}
    assert found.as_json()["characters"] == len(text)
    printed = "\n".join(found.lines("run", 5))
    assert f"{found.scores['nats_per_character']:.4f} nats a character" in printed
    assert ("nats a word" in printed) == (recipe.task.unit == "words")
    with pytest.raises(DataError, match="no split 'test'; it has train, dev"):
        evaluate(writer, "test")


def test_floors_stand_beside_a_split(writer: LanguageModel) -> None:
    found = evaluate(writer)
    assert list(found.floors) == ["unigram", "bigram", "trigram"]
    train, dev = (build.text(writer.run.language).splits[split] for split in ("train", "dev"))
    split = split_words if writer.vocabulary.kind == "words" else list
    counts = Counter(split(train))
    plain = -sum(math.log((counts[token] + 1) / (sum(counts.values()) + len(counts))) for token in split(dev))
    assert found.floors["unigram"] == pytest.approx(plain / len(dev), rel=0.02)
    assert found.floors["trigram"] < found.floors["unigram"]
    assert f"unigram {found.floors['unigram']:.4f}, bigram " in found.lines("run", 5)[-1]


def test_any_text_is_weighed(writer: LanguageModel, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("The dog sat on a mat.", encoding="utf-8")
    found = evaluate_file(writer, tmp_path / "other.txt")
    assert found.floors == {}
    assert found.likelihood.nats.sum() == pytest.approx(writer.score("The dog sat on a mat.").nats.sum())
    assert found.lines("run", 5)[0].startswith(f"run on {tmp_path}/other.txt: 21 characters")
    for content, message in {b"": "an empty text", b"\xff": "byte 0 is 0xff"}.items():
        (tmp_path / "bad.txt").write_bytes(content)
        with pytest.raises(DataError, match=message):
            evaluate_file(writer, tmp_path / "bad.txt")


def test_a_table_of_what_may_come_next(tmp_path: Path) -> None:
    writer = opened(tmp_path, "words")
    lines = next_lines(writer.next("the cat", num=4), "the cat", "words")
    assert lines[0] == "p( word | the cat )"
    assert len(lines) == 5
    assert all(0 <= float(line.split()[1]) <= 1 for line in lines[1:])


# ----------------------------------------------------------------------------------------- what is too short


@pytest.mark.parametrize(
    ("length", "changes", "message"),
    [
        (30, {"data.context_length": 40}, "its training part has 27 characters, fewer than a window of 40"),
        (60, {}, "its training part has 54 characters, fewer than 4 rows of a chunk of 16"),
        (60, {"task.unit": "words"}, "words, fewer than 4 rows of a chunk of 16"),
        (8, {"data.context_length": 2}, "its last tenth, which would be dev, holds no words"),
    ],
)
def test_a_text_that_is_too_short_is_told(length: int, changes: dict, message: str, tmp_path: Path) -> None:
    changes = {**changes, **({"task.unit": "words"} if "no words" in message else {})}
    recipe: TextRecipe = made.small(made.file(tmp_path / "text.txt", length), changes)
    if "no words" in message:
        (tmp_path / "text.txt").write_text("one two three four      ")
    found = build.text(recipe)
    vocabulary = build.vocabulary_of_text(recipe, found.splits["train"])
    with pytest.raises(DataError, match=message) as error:
        build.encoded_text(recipe, found, vocabulary)
    assert str(error.value).startswith(f"{tmp_path}/text.txt: ")


def test_what_ascii_loses_is_counted(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("caf\u00e9 \u732b" * 100, encoding="utf-8")
    found = build.text(made.small(tmp_path / "text.txt", {"data.ascii": True}))
    assert found.remarks == (f"{tmp_path}/text.txt: 100 characters have no sign in ASCII and are left out.",)
    assert set("".join(found.splits.values())) == set("cafe ")
