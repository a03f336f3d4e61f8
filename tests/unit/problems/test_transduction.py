"""Pairs from corpus to hypothesis: learned, scored, turned round, and refused where they cannot be used."""

from pathlib import Path

import pytest

from crnn_audio.corpora.pairs import Pair
from crnn_audio.decoding.sequence_beam import SearchOptions
from crnn_audio.errors import DataError
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.inference.transducer import Transducer
from crnn_audio.inference.translating import LONGEST
from crnn_audio.metrics.transduction import ScoredPair, scores_of
from crnn_audio.problems import ScoreOptions, transduction
from crnn_audio.problems.restore import load
from crnn_audio.training import display
from tests import trainings
from tests import transductions as made
from tests.loading import loads, run_of


@pytest.fixture(scope="module")
def trained(tmp_path_factory: pytest.TempPathFactory) -> Transducer:
    """Twenty epochs on words and their letters in upper case."""
    folder = tmp_path_factory.mktemp("transduction")
    changes = {"optim.max_epochs": 20, "model.decoder.hidden_size": 32, "model.recurrent.hidden_size": 24}
    pairs = made.folder(folder / "pairs", 600, 20, 20)
    recipe = made.small(pairs, changes | {"optim.lr": 2e-2, "data.batch_tokens": 192})
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(display, "plot_curves", lambda log, path: None)
        run, _ = trainings.quietly(recipe, folder / "run")
    assert run.finished
    return load(folder / "run", device="cpu")


def test_it_learns_to_spell(trained: Transducer) -> None:
    scores = evaluate(trained, "test")
    assert scores.metrics["wer"] <= 0.1
    assert scores.metrics["per"] < 0.05
    found = trained.translate("abcd", SearchOptions(4, 3))
    assert found.text == "A B C D"
    assert found.nbest[0].text == found.text
    assert [one.score for one in found.nbest] == sorted((one.score for one in found.nbest), reverse=True)
    assert found.attention is not None
    assert found.attention.shape == (5, 4)
    assert found.attention.sum(axis=1) == pytest.approx(1, abs=1e-5)
    assert found.attention[1:4].argmax(axis=1).tolist() == [1, 2, 3], "it looks at the letter that it writes"
    assert found.tokens == (("a", "b", "c", "d"), ("A", "B", "C", "D"))


def test_unknown_characters_are_named_and_read_as_unknown(trained: Transducer) -> None:
    found = trained.translate("aXb?")
    assert found.remarks == ("'aXb?': unknown characters: '?', 'X'",)
    assert trained.translate("ab").remarks == ()


def test_texts_are_read_as_they_come(trained: Transducer) -> None:
    words = ["ab", "abc", "dd"] * 100
    asked = iter(words)
    found = trained.translate_many(asked)
    first = next(found)
    assert len(list(asked)) > 50, "it has read far ahead"
    assert first.text == trained.translate("ab").text


@pytest.mark.parametrize(
    ("text", "said"),
    [("", "'' is empty"), ("a" * 10_000, "has 10,000 characters, where a source has at most 4,096. Cut it")],
)
def test_what_cannot_be_translated_is_an_error(trained: Transducer, text: str, said: str) -> None:
    assert LONGEST == 4096
    with pytest.raises(DataError, match=said):
        trained.translate(text)
    found = trained.translate_many(["ab", text, "cd"])
    assert next(found).text
    with pytest.raises(DataError, match=said):
        next(found)


def test_tokens_may_be_subwords_on_either_side(tmp_path: Path) -> None:
    folder = made.folder(tmp_path / "pairs", 60, 4, 0)
    recipe = made.small(folder, {"task.source": "subwords", "task.target": "subwords", "task.num_subwords": 14})
    data = transduction.data(recipe)
    assets = transduction.assets(recipe, data)
    task = transduction.task(recipe, assets)
    transducer = Transducer(run_of(recipe), task, assets.source, assets.target, SearchOptions(beam=3))
    found = transducer.translate("abcde")
    assert "".join(found.tokens[0]) == "\u2581abcde"
    assert found.attention.shape == (len(found.tokens[1]) + 1, len(found.tokens[0]))
    scores = transduction.scores(task, recipe, assets, data.items["dev"], ScoreOptions())
    assert scores.metrics["wer"] == 1


# ------------------------------------------------------------------------------------------------ scores


def pair(hypothesis: str, *targets: str, words: bool = True) -> ScoredPair:
    return ScoredPair("1", "source", targets, hypothesis, words)


def test_any_target_is_right_and_errors_are_those_of_the_nearest() -> None:
    pairs = [pair("a b", "a b", "b"), pair("b", "a b", "b"), pair("a c", "a b c", "x y"), pair("", "a b")]
    scores = scores_of(pairs, "pronunciation", 0.5, whole=True)
    assert scores.metrics == {"wer": 0.5, "per": (0 + 0 + 1 + 2) / (2 + 1 + 3 + 2)}
    assert scores.metric == transduction.METRIC
    assert scores.empty_rate == 0.25
    assert scores.worst(1)[0] == pairs[3]
    assert scores_of(pairs, "exact", 0.5, whole=False).metrics == {"wer": 0.5, "accuracy": 0.5}
    letters = [pair("abd", "abc", words=False)]
    assert scores_of(letters, "pronunciation", 0.5, whole=False).metrics["per"] == pytest.approx(1 / 3)


def test_translations_are_scored_by_sacrebleu_with_all_references() -> None:
    sacrebleu = pytest.importorskip("sacrebleu")
    pairs = [pair("the cat sat on the mat", "a cat sat on a mat", "the cat sat on the mat"), pair("hello", "good day")]
    scores = scores_of(pairs, "translation", 0.5, whole=True)
    references = [["a cat sat on a mat", "good day"], ["the cat sat on the mat", None]]
    expected = sacrebleu.corpus_bleu([one.hypothesis for one in pairs], references)
    assert scores.metrics["bleu"] == pytest.approx(expected.score / 100)
    assert "tok:13a" in scores.figures["signature"]
    assert "bleu" not in scores_of(pairs, "translation", 0.5, whole=False).metrics, "it chooses nothing"


# -------------------------------------------------------------------------------------------------- data


def test_a_source_with_several_targets_is_as_many_pairs(tmp_path: Path) -> None:
    folder = made.folder(tmp_path / "pairs", 4, 2, 0)
    (folder / "train.tsv").write_text("ab\tx\nab\ty\nab\tx\ncd\tz\n")
    recipe = made.small(folder)
    data = transduction.data(recipe)
    assert data.items["train"] == [Pair("train-1", "ab", ("x", "y")), Pair("train-2", "cd", ("z",))]
    assets = transduction.assets(recipe, data)
    assert assets.target.tokens[2:] == ("x", "y", "z")
    feed = transduction.feed(recipe, data, assets)
    assert [one[0] for one in feed.fingerprint] == ["train-1/0", "train-1/1", "train-2/0"]
    turned = transduction.data(made.small(folder, {"data.reversed": True})).items["train"]
    assert [(one.source, one.targets) for one in turned] == [("x", ("ab",)), ("y", ("ab",)), ("z", ("cd",))]


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("ab\tx\ncd\n", "line 2: no tab between a source and a target, but 'cd'"),
        ("ab\tx\ncd\t \n", "line 2: a pair without a target: 'cd"),
        ("\tx\n", "line 1: a pair without a source"),
    ],
)
def test_a_line_that_is_no_pair_is_named(tmp_path: Path, content: str, said: str) -> None:
    folder = made.folder(tmp_path / "pairs", 4, 2, 0)
    (folder / "train.tsv").write_text(content)
    with pytest.raises(DataError, match=said):
        transduction.data(made.small(folder))


def test_pairs_that_no_batch_holds_are_left_out_and_named(tmp_path: Path) -> None:
    folder = made.folder(tmp_path / "pairs", 40, 2, 0)
    with (folder / "train.tsv").open("a") as file:
        file.write(f"{'a' * 97}\tx\n")
    recipe = made.small(folder)
    data = transduction.data(recipe)
    feed = transduction.feed(recipe, data, transduction.assets(recipe, data))
    assert [str(one) for one in feed.findings] == ["cut 'train-41/0': 97 tokens, more than data.batch_tokens (96)"]


def test_a_corpus_without_collections_has_none(tmp_path: Path) -> None:
    recipe = made.small(made.folder(tmp_path / "pairs", 4, 2, 0), {"data.collection": "dut"})
    with pytest.raises(DataError, match=r"pairs: is one collection. Leave data\.collection out"):
        transduction.data(recipe)


def test_a_beam_of_0_and_coverage_without_attention_are_refused() -> None:
    text = "task: {kind: transduction}\ndata: {corpus: pairs, root: x}\n"
    for override, said in (
        ("search.beam=0", "search.beam"),
        ("search={coverage_penalty: 0.2}", "fixed"),
    ):
        with pytest.raises(Exception, match=said):
            loads(text, [override, "model.decoder.attention=fixed"])


def test_scores_during_training_are_greedy_and_without_an_interval(trained: Transducer) -> None:
    restored_recipe = made.small(Path("x"))
    assets = transduction.Assets(trained.source, trained.target)
    items = [Pair("1", "ab", ("A B",)), Pair("2", "abc", ("A B C",))]
    during = transduction.scores(trained.task, restored_recipe, assets, items, ScoreOptions(epoch=1))
    assert "interval" not in during.figures
    assert "interval" in transduction.scores(trained.task, restored_recipe, assets, items, ScoreOptions()).figures
