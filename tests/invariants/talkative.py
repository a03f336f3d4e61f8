"""Small recognisers that say something without training, and sounds for them to hear."""

import numpy as np
import torch
from torch import Tensor

from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.schema import Recipe
from crnn_audio.features.normalize import Statistics
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.problems import recognition
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch
from tests.invariants.small import CELLS, TAPS, moved
from tests.loading import run_of

RATE = 16000
TOKENS = Vocabulary.build(["abcdef ghij"], "characters")


def sound(seconds: float, seed: int = 0, rate: int = RATE) -> np.ndarray:
    """Tones of changing pitch, loudness and length in noise."""
    random = np.random.default_rng(seed)
    parts, left = [], round(seconds * rate)
    while left > 0:
        size = min(int(random.integers(rate // 40, rate // 8)), left)
        tone = np.sin(2 * np.pi * random.uniform(100, 3500) * np.arange(size) / rate)
        parts.append(random.uniform(0, 0.3) * tone + random.uniform(0.001, 0.1) * random.standard_normal(size))
        left -= size
    return np.concatenate(parts).astype(np.float32)


def recipe(front: str = "fbank", kind: str = "lstm", **fields: object) -> Recipe:
    """Small, one-directional, a frame out each 40 ms."""
    features = {"kind": front, "num_mels": 12} | ({"num_coefficients": 8} if front == "mfcc" else {})
    recurrent = {"cell": CELLS[kind], "hidden_size": 8, "num_layers": 2, "dropout": 0.0, "bidirectional": False}
    recurrent |= {"kernel_size": TAPS}
    recurrent |= {"nonlinearity": kind} if CELLS[kind] == "rnn" else {}
    model = {
        "conv": [{"channels": 2, "stride": [2, 2]}, {"channels": 2, "stride": [2, 2]}],
        "conv_time": fields.pop("conv_time", "same"),
        "recurrent": recurrent | {"look_ahead": 2} | fields.pop("recurrent", {}),
    }
    data = {"corpus": "manifests", "root": "data/tiny"}
    return RecognitionRecipe.model_validate(
        {"data": data, "features": features | fields.pop("features", {}), "model": model, **fields}
    )


def recognizer(made: Recipe, *, double: bool = False, taught: np.ndarray | None = None) -> Recognizer:
    """Untrained, but talkative where it hears what it was `taught` on: half of its frames are blanks, some spaces."""
    size = made.features.num_coefficients if made.features.kind == "mfcc" else made.features.num_mels
    statistics = Statistics((-6.0,) * size, (3.0,) * size) if made.features.normalize == "global" else None
    task = recognition.task(made, recognition.Assets(TOKENS, statistics))
    moved(task.model)
    linear = task.model.head.linear
    with torch.no_grad():
        said = offline(task.eval(), torch.from_numpy(sound(1.5, seed=99) if taught is None else taught))
        scale = 3 / (said - said.mean(dim=0)).std()
        linear.weight.mul_(scale)
        linear.bias.sub_(said.mean(dim=0)).mul_(scale)
        scores = scale * (said - said.mean(dim=0))
        for token, share in ((0, 0.5), (TOKENS.separator_id, 0.15)):
            others = torch.cat([scores[:, :token], scores[:, token + 1 :]], dim=1).amax(dim=1)
            missing = (others - scores[:, token]).sort().values
            rise = missing[int(share * len(missing)) :][:2].mean()  # between two frames, so that none is a tie
            scores[:, token] += rise
            linear.bias[token] += rise
    return Recognizer(run_of(made), task.double() if double else task)


def offline(task: torch.nn.Module, samples: Tensor) -> Tensor:
    """Log-probabilities of the whole, all frames real."""
    encoded = task(AudioBatch(samples.unsqueeze(0), torch.tensor([len(samples)]), RATE))
    return encoded.frames[0, : int(encoded.lengths[0])]
