"""CTC and attention trained together: a recogniser like any other, whose text both have chosen."""

from pathlib import Path

import pytest
import torch

from crnn_audio.decoding.ctc import Greedy
from crnn_audio.decoding.greedy import needed_frames
from crnn_audio.evaluation.evaluate import evaluate
from crnn_audio.problems import recognition
from crnn_audio.problems.restore import load
from crnn_audio.tasks.ctc import ctc_losses
from crnn_audio.training.run import train
from tests import trainings
from tests.loading import loads

DECODER = "{attention: location, attention_size: 8, embedding_size: 8, hidden_size: 16, dropout: 0.0}"


@pytest.fixture(scope="module")
def run(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("joint")
    root = trainings.corpus(folder / "corpus", train=8, dev=3)
    changes = {"task.attention": 0.4, "task.label_smoothing": 0.1, "optim.max_epochs": 2, "model.decoder": {}}
    recipe = trainings.small(root, changes)
    trained = train(recipe, folder / "run", report=lambda line: None)
    assert trained.finished
    return Path(trained.path)


def test_it_transcribes_with_times_and_is_evaluated(run: Path) -> None:
    recognizer = load(run)
    assert recognizer.task.model.head.NAME == "ctc and attention (additive)"
    with torch.no_grad():
        recognizer.task.model.head.linear.weight.mul_(20)  # so that it says something
    cuts = recognition.data(recognition.Recipe.model_validate(recognizer.run.recipe)).items["dev"]
    sounds = [cut.recording.path for cut in cuts]
    together = recognizer.transcribe(sounds)
    for path, one in zip(sounds, together, strict=True):
        alone = recognizer.transcribe(path)
        assert alone.text == one.text
        assert [word.start for word in alone.words] == sorted(word.start for word in alone.words)
        assert all(0 <= word.start < word.end <= alone.seconds for word in alone.words)
    assert evaluate(run, "dev").metric == "wer"


def test_the_decoder_takes_part_in_the_loss_and_in_the_search(run: Path) -> None:
    recognizer = load(run)
    task = recognizer.task.double()
    recipe = recognition.Recipe.model_validate(recognizer.run.recipe)
    batch = next(iter(recognition.feed(recipe, recognition.data(recipe), _assets(task)).batches.steps(0, 0)))[0]
    features, lengths = task.features(batch.audio)
    encoded = task.encode(features.double(), lengths)
    plain = ctc_losses(encoded, batch.targets)
    task.attention = 0.999999
    written = task._losses(encoded, batch.targets)
    assert not torch.allclose(plain, written, rtol=1e-2)
    task.ctc_weight, found = 1e-6, {}
    for bias in (0.0, 50.0):
        with torch.no_grad():
            task.model.head.decoder.output.bias[2] += bias
        found[bias] = [path.tokens for path in task.decode(encoded, Greedy())]
    assert found[0.0] != found[50.0], "what attention wants is what is found"
    assert set(found[50.0][0]) == {2}
    assert needed_frames(found[50.0][0]) <= int(encoded.lengths[0]), "within what CTC can align"


def _assets(task) -> recognition.Assets:
    return recognition.Assets(task.vocabulary, None)


def test_a_weight_needs_a_decoder_and_a_decoder_a_weight() -> None:
    for text in ("task: {attention: 0.3}", f"model: {{decoder: {DECODER}}}"):
        with pytest.raises(Exception, match=r"task\.attention is the weight of model\.decoder"):
            loads(f"data: {{corpus: an4}}\n{text}")
