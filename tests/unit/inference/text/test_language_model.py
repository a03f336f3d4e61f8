"""A model of text: what it writes, how it weighs what others wrote, and how it refuses."""

import math
import re
from collections import Counter
from pathlib import Path

import pytest
import torch

from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DataError, RunError
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.inference.text import language_model
from crnn_audio.inference.text.language_model import LanguageModel, Prompt
from crnn_audio.problems import text as problem
from crnn_audio.problems.restore import restore
from crnn_audio.text.words import split_words
from tests import texts as made
from tests.loading import run_of

UNITS = {
    "characters": {},
    "words": {"task.unit": "words", "task.vocabulary_size": 18, "data.bptt": 8},
    "window": {"data.context_length": 5, "model.embedding_size": 0},
}


def opened(folder: Path, kind: str = "characters") -> LanguageModel:
    """Untrained, in double precision."""
    recipe = made.small(made.file(folder / "text.txt"), {**UNITS[kind], "data.lower_case": True})
    assets = problem.assets(recipe, problem.data(recipe))
    run = run_of(recipe, folder / "run", assets=assets)
    return LanguageModel(run, problem.task(recipe, assets).double(), recipe.data, assets.vocabulary)


@pytest.fixture(params=UNITS)
def model(request: pytest.FixtureRequest, tmp_path: Path) -> LanguageModel:
    return opened(tmp_path, request.param)


def test_what_is_written_costs_what_scoring_says(model: LanguageModel) -> None:
    found = model.generate(primer="The cat ", tokens=25, sampling=Sampling(seed=3))
    assert found.text.startswith("the cat")
    assert (found.num_tokens, found.seed, found.primer, found.remarks) == (25, 3, "The cat ", ())
    scored = model.score(found.text)
    assert len(scored.nats) == 25 + len(model.score("the cat " if "cat " in found.text[:9] else "the cat").nats)
    assert scored.nats[-25:].sum() == pytest.approx(found.nats, rel=1e-9)


def test_many_are_those_that_come_alone_and_streamed(model: LanguageModel, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language_model, "BATCH_SIZE", 2)
    many = model.generate_many(3, Prompt("the ", 12), Sampling(seed=5, top_p=0.9))
    assert [one.seed for one in many] == [5, 6, 7]
    for one in many:
        sampling = Sampling(seed=one.seed, top_p=0.9)
        assert model.generate(primer="the ", tokens=12, sampling=sampling).text == one.text
        pieces = list(model.stream(primer="the ", tokens=12, sampling=sampling))
        assert "".join(pieces) == one.text
        assert len(pieces) == 13
    assert len({one.text for one in many}) == 3


def test_nothing_need_be_given(model: LanguageModel) -> None:
    first = model.generate(tokens=5, sampling=Sampling(temperature=0.0))
    assert first.primer == ""
    assert first.text
    likeliest = next(one.token for one in model.next(num=2) if one.token != "<unk>")
    assert first.text.startswith(likeliest)


def test_what_may_come_next_adds_up_and_is_what_scoring_says(model: LanguageModel) -> None:
    found = model.next("the cat", num=1000)
    assert len(found) == len(model.vocabulary) - 1
    assert sum(one.probability for one in found) == pytest.approx(1)
    chances = [one.probability for one in found]
    assert chances == sorted(chances, reverse=True)
    token = next(one for one in found if one.token.isalpha() and len(one.token) < 4)
    text = f"the cat {token.token}" if model.vocabulary.kind == "words" else f"the cat{token.token}"
    assert math.exp(-model.score(text).nats[-1]) == pytest.approx(token.probability, rel=1e-6)
    assert len(model.next("the", num=3)) == 3


def test_figures_of_a_score(tmp_path: Path) -> None:
    model = opened(tmp_path, "words")
    found = model.score("The cat\nxyzzy the")
    assert found.tokens == ("the", "cat", "xyzzy", "the")
    assert found.num_unknown == 1
    assert found.nats_per_character == pytest.approx(found.nats.sum() / 17)
    assert found.perplexity == pytest.approx(math.exp(found.nats.sum() / 4))


def test_a_primer_of_unknown_characters_is_refused_by_their_names(tmp_path: Path) -> None:
    model = opened(tmp_path)
    for ask in (model.generate, model.stream):
        with pytest.raises(DataError, match=r"characters that this model does not know: 'z', 'é'\. It knows"):
            ask(primer="zé a")
    with pytest.raises(DataError, match="'9'"):
        model.next("9")
    assert model.score("9").num_unknown == 1, "what others wrote may hold anything"


def test_unknown_words_of_a_primer_are_reported(tmp_path: Path) -> None:
    model = opened(tmp_path, "words")
    found = model.generate(primer="the xyzzy", tokens=3)
    assert found.remarks == ("words of the primer that the model does not know: 'xyzzy'",)
    assert found.text.startswith("the <unk>")
    assert "<unk>" not in found.text[9:]


def test_a_primer_shorter_than_the_windows_is_reported(tmp_path: Path) -> None:
    model = opened(tmp_path, "window")
    (remark,) = model.generate(primer="the ", tokens=3).remarks
    assert remark.startswith("the model learned from windows of 5 characters and the primer has 4:")
    assert model.remarks("the c") == ()


@pytest.mark.parametrize("asked", [{"tokens": 0}, {"tokens": -3}, {"tokens": 10**7}])
def test_bounds(tmp_path: Path, asked: dict) -> None:
    model = opened(tmp_path)
    with pytest.raises(DataError, match="tokens: should be above 0"):
        model.generate(**asked)
    with pytest.raises(DataError, match="tokens: should be above 0"):
        model.stream(**asked)
    with pytest.raises(DataError, match="num: should be above 0"):
        model.generate_many(0)
    with pytest.raises(DataError, match="an empty text"):
        model.score("")


def test_weights_that_diverged_are_reported(tmp_path: Path) -> None:
    model = opened(tmp_path)
    with torch.no_grad():
        model.task.model.head.linear.bias.fill_(math.nan)
    with pytest.raises(RunError, match="NaN"):
        model.score("the cat")


# ----------------------------------------------------------------------------------------- evaluation


def test_a_split_is_one_running_text(model: LanguageModel) -> None:
    recipe = restore(model.run).recipe
    text = problem.data(recipe).items["dev"]
    found, alone = evaluate(model), model.score(text)
    assert (found.corpus, found.split, found.figures["unit"]) == (recipe.data.root, "dev", recipe.task.unit)
    assert found.metrics["nats_per_character"] == alone.nats.sum() / len(text)
    assert found.loss == alone.nats.mean()
    assert found.as_json()["characters"] == len(text)
    printed = "\n".join(found.lines("run", 5))
    assert f"{found.value:.4f} nats a character" in printed
    assert ("nats a word" in printed) == (recipe.task.unit == "words")
    with pytest.raises(DataError, match="no split 'test'; it has train, dev"):
        evaluate(model, "test")


def test_baselines_stand_beside_a_split(model: LanguageModel) -> None:
    found = evaluate(model)
    baselines = found.as_json()["baselines"]
    assert list(baselines) == ["unigram", "bigram", "trigram"]
    items = problem.data(restore(model.run).recipe).items
    train, dev = (items[split] for split in ("train", "dev"))
    split = split_words if model.vocabulary.kind == "words" else list
    counts = Counter(split(train))
    plain = -sum(math.log((counts[token] + 1) / (sum(counts.values()) + len(counts))) for token in split(dev))
    assert baselines["unigram"] == pytest.approx(plain / len(dev), rel=0.02)
    assert baselines["trigram"] < baselines["unigram"]
    assert f"unigram {baselines['unigram']:.4f}, bigram " in found.lines("run", 5)[-1]


def test_any_text_is_scored(model: LanguageModel, tmp_path: Path) -> None:
    (tmp_path / "other.txt").write_text("The dog sat on a mat.", encoding="utf-8")
    found = model.score(tmp_path / "other.txt")
    assert found.nats.sum() == pytest.approx(model.score("The dog sat on a mat.").nats.sum())
    assert model.log_prob("THE DOG") == pytest.approx(-model.score("the dog").nats.sum()), "in the case of its letters"
    assert model.log_prob("") == 0.0
    assert found.counts.startswith("21 characters")
    assert found.as_json()["nats_per_character"] == pytest.approx(found.nats.sum() / 21)
    for content, message in {b"": "an empty text", b"\xff": "byte 0 is 0xff"}.items():
        (tmp_path / "bad.txt").write_bytes(content)
        with pytest.raises(DataError, match=message):
            model.score(tmp_path / "bad.txt")


# ----------------------------------------------------------------------------------------- what is too short


@pytest.mark.parametrize(
    ("length", "changes", "message"),
    [
        (30, {"data.context_length": 40}, "its training part has 27 characters, fewer than data.context_length (40)"),
        (60, {}, "its training part has 54 characters, fewer than 4 segments of 16"),
        (60, {"task.unit": "words"}, "words, fewer than 4 segments of 16"),
        (8, {"data.context_length": 2}, "its last tenth, which would be dev, holds no words"),
    ],
)
def test_a_text_that_is_too_short_is_reported(length: int, changes: dict, message: str, tmp_path: Path) -> None:
    changes = {**changes, **({"task.unit": "words"} if "no words" in message else {})}
    recipe = made.small(made.file(tmp_path / "text.txt", length), changes)
    if "no words" in message:
        (tmp_path / "text.txt").write_text("one two three four      ")
    data = problem.data(recipe)
    assets = problem.assets(recipe, data)
    with pytest.raises(DataError, match=re.escape(message)) as error:
        problem.feed(recipe, data, assets)
    assert str(error.value).startswith(f"{tmp_path}/text.txt: ")


def test_what_ascii_loses_is_counted(tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("caf\u00e9 \u732b" * 100, encoding="utf-8")
    found = problem.data(made.small(tmp_path / "text.txt", {"data.ascii": True}))
    assert found.remarks == (f"{tmp_path}/text.txt: 100 characters have no equivalent in ASCII and are left out.",)
    assert set("".join(found.items.values())) == set("cafe ")
