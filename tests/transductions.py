"""Pairs made up on the spot, small networks that turn one into the other, and the recipe for one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crnn_audio.batching.pairs import TokenPair, batched
from crnn_audio.config.transduction import TransductionRecipe
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.encoder_decoder import Decoder, EncoderDecoder, Memory
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.models.tokens import TokenFront
from crnn_audio.tasks.transduction import Transduction
from crnn_audio.types import PairBatch
from tests import trainings

KINDS = ("dot", "additive", "location", "fixed")


def task(
    attention: str = "additive", cell: str = "lstm", *, bidirectional: bool = True, num_tokens: int = 7, seed: int = 0
) -> Transduction:
    """A network in float64 whose every weight counts."""
    torch.manual_seed(seed)
    front = TokenFront(num_tokens, 5)
    recurrent = Recurrent(5, cell=cell, hidden_size=6, num_layers=2, bidirectional=bidirectional)
    decoder = Decoder(
        num_tokens, recurrent.output_size, bidirectional=bidirectional, attention=attention, attention_size=5,
        embedding_size=4, cell=cell, hidden_size=6, num_layers=2,
    )  # fmt: skip
    made = Transduction(EncoderDecoder(Crnn(front, recurrent, Memory()), decoder))
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.4 * torch.randn_like(parameter))
    return made.double().eval()


def pairs(count: int = 5, num_tokens: int = 7, seed: int = 0) -> list[TokenPair]:
    """Of all lengths from 1 on."""
    random = np.random.default_rng(seed)

    def tokens(length: int) -> tuple[int, ...]:
        return tuple(random.integers(1, num_tokens, length).tolist())

    return [TokenPair(str(n), tokens(n + 1), tokens(n // 2 + 1)) for n in range(count)]


def batch(found: list[TokenPair]) -> PairBatch:
    return batched(found)


def folder(path: Path, train: int = 60, dev: int = 8, test: int = 6, seed: int = 0) -> Path:
    """Words of two to five letters, and their letters in upper case."""
    path.mkdir(parents=True)
    random = np.random.default_rng(seed)
    count = 4 * (train + dev + test)
    words = sorted({"".join(random.choice(list("abcde"), random.integers(2, 6))) for _ in range(count)})
    random.shuffle(words)
    for split, count in (("train", train), ("dev", dev), ("test", test)):
        some, words = words[:count], words[count:]
        lines = "".join(f"{word}\t{' '.join(word.upper())}\n" for word in some)
        (path / f"{split}.tsv").write_text(lines, encoding="utf-8")
    return path


SMALL = {
    "task": {"kind": "transduction", "source": "characters", "target": "words", "scores": "pronunciation"},
    "data": {"corpus": "pairs", "batch_tokens": 96},
    "model": {
        "embedding_size": 12,
        "recurrent": {"hidden_size": 12, "num_layers": 1, "dropout": 0.0},
        "decoder": {"embedding_size": 12, "hidden_size": 16, "attention_size": 8, "dropout": 0.0},
    },
    "optim": {"lr": 1e-2, "max_epochs": 2},
    "device": "cpu",
    "threads": 1,
}


def small(root: Path, changes: dict[str, Any] | None = None) -> TransductionRecipe:
    """A small recipe over the pairs in the folder `root`, changed by {"optim.lr": 1e-3}."""
    fields: dict[str, Any] = json.loads(json.dumps(SMALL))
    fields["data"]["root"] = str(root)
    return TransductionRecipe.model_validate(trainings.changed(fields, changes or {}))
