"""A recogniser whose model is in the test's hands: no training, and log-probabilities as the test says."""

from collections.abc import Callable, Sequence

import pytest
import torch

from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.features.normalize import Statistics
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.problems import recognition
from crnn_audio.problems.recognition import Assets
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import Encoded
from tests.loading import run_of

RECIPE = RecognitionRecipe.model_validate(
    {
        "data": {"corpus": "manifests", "root": "data/tiny", "workers": 0},
        "features": {"kind": "fbank", "num_mels": 12},
        "model": {
            "conv": [{"channels": 2, "stride": [2, 2]}, {"channels": 2, "stride": [2, 2]}],
            "recurrent": {"hidden_size": 16, "num_layers": 1, "dropout": 0.0},
        },
    }
)


@pytest.fixture
def recognizer(tmp_path_factory: pytest.TempPathFactory) -> Recognizer:
    """Untrained, over the letters of the digits, its head sharpened so that it says something."""
    tokens = Vocabulary.build(["zero one two three four five six seven eight nine"], "characters")
    assets = Assets(tokens, Statistics((-8.0,) * 12, (3.0,) * 12))
    task = recognition.task(RECIPE, assets)
    with torch.no_grad():
        task.model.head.linear.weight.mul_(20)
    return Recognizer(run_of(RECIPE, tmp_path_factory.mktemp("recognizer") / "run", assets=assets), task)


@pytest.fixture
def hearing(recognizer: Recognizer, monkeypatch: pytest.MonkeyPatch) -> Callable[..., Recognizer]:
    """`hearing([(" ", 0.9), ("a", 0.8)], "ab ")` hears these tokens, frame by frame, with these probabilities."""

    def of(frames: Sequence[tuple[str, float]], text: str, kind: str = "characters") -> Recognizer:
        tokens = Vocabulary.build([text], kind)
        probs = torch.zeros(len(frames), len(tokens))
        for frame, (token, prob) in enumerate(frames):
            probs[frame] = (1 - prob) / (len(tokens) - 1)
            probs[frame, tokens.tokens.index(token or "<blank>")] = prob
        encoded = Encoded(probs.log().unsqueeze(0), torch.tensor([len(frames)]))
        monkeypatch.setattr(recognizer.task, "vocabulary", tokens)
        monkeypatch.setattr(recognizer.task, "forward", lambda audio: encoded)
        return recognizer

    return of
