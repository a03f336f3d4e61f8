"""Learning from meanings: texts, tokens and targets of the grammar, a loss that falls, and acceptance on dev."""

from dataclasses import replace
from pathlib import Path

import pytest
import torch

from crnn_audio.batching import manifests
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.errors import DataError, RecipeError
from crnn_audio.inference.speech.commands import Commander
from crnn_audio.metrics.commands import ScoredCommand, scores_of
from crnn_audio.problems import ScoreOptions, recognition
from crnn_audio.problems.restore import load
from crnn_audio.types import Encoded, TokenBatch
from tests import trainings
from tests.loading import loads

GRAMMAR = """
intents:
  Play: {data: [{sentences: ["(a|b) {tune:what}", "{tune:what}"]}]}
  Stop: {data: [{sentences: ["b"]}]}
lists:
  tune: {values: [c, cc, cab]}
"""
MEANINGS = {"a c": ("Play", "c"), "b cab": ("Play", "cab"), "b": ("Stop", ""), "cc": ("Play", "cc")}


@pytest.fixture
def root(tmp_path: Path) -> Path:
    folder = tmp_path / "orders"
    folder.mkdir()
    for split in ("train", "dev"):
        cuts = []
        for number, (text, (intent, tune)) in enumerate(MEANINGS.items()):
            cut = trainings.beep(folder, f"{split}-{number}", text, 0.6)
            cuts.append(replace(cut, text="", label=intent, slots=(("what", tune),) if tune else ()))
        manifests.save(cuts, folder / f"{split}.jsonl")
    (tmp_path / "grammar.yaml").write_text(GRAMMAR)
    return folder


def recipe(root: Path, **changes: object) -> RecognitionRecipe:
    fields = {"task.supervision": "grammar", "decoder.grammar": str(root.parent / "grammar.yaml")}
    return trainings.small(root, {**fields, **changes})  # type: ignore[return-value]


def test_texts_tokens_and_targets_are_those_of_the_grammar(root: Path) -> None:
    asked = recipe(root, **{"task.case": "upper"})
    data = recognition.data(asked)
    assets = recognition.assets(asked, data, report=lambda line: None)
    assert set(assets.vocabulary.tokens[2:]) == set("ABC ")
    feed = recognition.feed(asked, data, assets)
    (batch,) = next(iter(feed.batches.steps(0, 0)))
    task = recognition.task(asked, assets)
    assert task.meanings is not None
    meant = [{task.meanings.tags[id] for id in row if id >= 0} for row in [t[:n] for t, n in zip(
        batch.targets.tokens.tolist(), batch.targets.lengths.tolist(), strict=True)]]  # fmt: skip
    assert {("", "Play"), ("what", "cab")} in meant
    texts = [text for _, _, text in feed.fingerprint]  # type: ignore[attr-defined]
    assert sorted(texts) == ["B", "C", "CAB", "CC"], "the shortest sentence of each"


def test_the_loss_falls_and_commands_are_understood(root: Path, tmp_path: Path) -> None:
    for split in ("train", "dev"):
        manifests.save(manifests.load(root / f"{split}.jsonl")[:2], root / f"{split}.jsonl")
    small = recipe(
        root,
        **{
            "model.conv": [{"channels": 8, "stride": [2, 2]}],
            "model.recurrent.hidden_size": 32,
            "optim.lr": 1e-2,
            "optim.max_epochs": 60,
            "train.eval_epochs": 60,
            "data.batch_seconds": 5.0,
        },
    )
    trained, _ = trainings.quietly(small, tmp_path / "run")
    losses = [entry["loss"] for entry in trainings.log_of(tmp_path / "run", "step")]
    assert losses[-1] < losses[0] / 4
    assert (trained.metric, trained.finished) == ("acceptance", True)
    opened = load(tmp_path / "run", device="cpu")
    paths = [root / f"dev-{number}.wav" for number in range(2)]
    found = dict(Commander(opened, threshold=0.0).understand([str(path) for path in paths]))
    commands = [found[at].command for at in range(len(paths))]  # type: ignore[union-attr]
    assert [(one.intent, one.slots.get("what", "")) for one in commands] == list(MEANINGS.values())[:2]
    (tmp_path / "grammar.yaml").unlink()
    scores = recognition.scores(
        opened.task, small, recognition.Assets.from_folder(tmp_path / "run", small),
        recognition.data(small).items["dev"], ScoreOptions(),
    )  # fmt: skip
    assert set(scores.metrics) == {"acceptance"}
    assert scores.loss < losses[0] / 4


def test_what_the_grammar_does_not_know_names_the_cut(root: Path) -> None:
    cuts = manifests.load(root / "train.jsonl")
    for cut, wrong in (
        (replace(cuts[0], label="Sing", slots=()), "cut 'train-0': .*has no intent 'Sing'"),
        (replace(cuts[0], slots=(("what", "abba"),)), "cut 'train-0': .*has no what 'abba'"),
        (replace(cuts[0], label=None), "cut 'train-0': .*has no intent as its label"),
        (replace(cuts[0], label="Stop"), "cut 'train-0': .*no sentence means intent 'Stop', what 'c'"),
    ):
        manifests.save([cut, *cuts[1:]], root / "train.jsonl")
        data = recognition.data(recipe(root))
        with pytest.raises(DataError, match=wrong):
            recognition.assets(recipe(root), data, report=lambda line: None)


def test_manifests_keep_slots(root: Path) -> None:
    cuts = manifests.load(root / "train.jsonl")
    assert [(cut.label, dict(cut.slots).get("what", "")) for cut in cuts] == list(MEANINGS.values())


def test_a_recipe_needs_the_grammar() -> None:
    text = "data: {corpus: coffee_commands}\ntask: {kind: recognition, supervision: grammar}\n"
    with pytest.raises(RecipeError, match=r"needs decoder\.grammar"):
        loads(text)
    with pytest.raises(RecipeError, match="a grammar says all that may be said"):
        loads(text + "decoder: {grammar: g.yaml, lexicon: words.txt}")
    with pytest.raises(RecipeError, match="learns from transcripts"):
        loads(text.replace("grammar}", "grammar, attention: 0.3}") + "decoder: {grammar: g.yaml}\nmodel: {decoder: {}}")


def test_acceptance_counts_what_is_wholly_right() -> None:
    meant = {"": "Play", "what": "c"}
    found = scores_of(
        [
            ScoredCommand("a", meant, meant, "a c", 0.9, 1.0),
            ScoredCommand("b", meant, {"": "Play", "what": "cc"}, "cc", 0.8, 1.0),
            ScoredCommand("c", meant, {**meant, "where": "x"}, "cc", 0.8, 1.0),
            ScoredCommand("d", meant, None, "cc", 0.1, 2.0),
        ]
    )
    assert found.metrics == {"acceptance": 0.25}
    assert (found.figures["refused"], found.figures["wrong_slots"]) == (1, {"what": 1, "where": 1})
    assert found.better_than(0.2)
    assert [item.id for item in found.worst(9)] == ["d", "b", "c"]
    assert found.worst(9)[0].lines()[2] == "  understood  not understood (cc)"


def test_the_loss_is_that_of_each_utterance_alone(root: Path) -> None:
    asked = recipe(root)
    data = recognition.data(asked)
    assets = recognition.assets(asked, data, report=lambda line: None)
    task = recognition.task(asked, assets).eval()
    (batch,) = next(iter(recognition.feed(asked, data, assets).batches.steps(0, 0)))
    with torch.inference_mode():
        frames, lengths = (encoded := task(batch.audio)).frames, encoded.lengths
        together = task.likelihoods(encoded, batch.targets)
        for row in range(batch.size):
            one = Encoded(frames[row : row + 1, : lengths[row]], lengths[row : row + 1])
            target = TokenBatch(batch.targets.tokens[row : row + 1], batch.targets.lengths[row : row + 1])
            assert float(task.likelihoods(one, target)) == pytest.approx(float(together[row]), rel=1e-4)
