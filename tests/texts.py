"""Small texts made up on the spot, small networks that read them, and the recipe for one."""

import json
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crnn_audio.config.text import TextRecipe
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.heads import SoftmaxHead
from crnn_audio.models.recurrent import Recurrent
from crnn_audio.models.tokens import TokenFront
from crnn_audio.tasks.prediction import Prediction
from tests import trainings

WORDS = "the a cat dog sat ran on under mat hat and then, Said. Who? it's".split()


def text(length: int, seed: int = 0) -> str:
    """Words in lines, so many characters; all its characters and words come early."""
    random = np.random.default_rng(seed)
    words = [*WORDS, *random.choice(WORDS, length)]
    ends = np.where(random.random(len(words)) < 0.1, "\n", " ")
    return "".join(word + end for word, end in zip(words, ends, strict=True))[:length]


def file(path: Path, length: int = 3000, seed: int = 0) -> Path:
    """The same in a file."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(text(length, seed), encoding="utf-8")
    return path


def task(*, cell: str = "lstm", size: int = 5, tied: bool = False, window: int = 0, num_ids: int = 9) -> Prediction:
    """A network in float64, with weights that are all off their initial zeros."""
    front = TokenFront(num_ids, size)
    recurrent = Recurrent(front.output_size, cell=cell, hidden_size=8, num_layers=2, bidirectional=False)
    head = SoftmaxHead(8, num_ids - 1, front if tied else None, projection=tied)
    made = Prediction(Crnn(front, recurrent, head), context_length=window)
    with torch.no_grad():
        for parameter in made.parameters():
            parameter.add_(0.3 * torch.randn_like(parameter))
    return made.double().eval()


SMALL = {
    "task": {"kind": "text", "sample_tokens": 20},
    "data": {"corpus": "text_file", "batch_size": 4, "bptt": 16},
    "model": {
        "embedding_size": 8,
        "recurrent": {"bidirectional": False, "hidden_size": 12, "num_layers": 1, "dropout": 0.0},
    },
    "optim": {"lr": 1e-2, "max_epochs": 2},
    "device": "cpu",
    "threads": 1,
}


def small(root: Path, changes: dict[str, Any] | None = None) -> TextRecipe:
    """A small recipe over the text in the file `root`, changed by {"optim.lr": 1e-3}."""
    fields: dict[str, Any] = json.loads(json.dumps(SMALL))
    fields["data"]["root"] = str(root)
    return TextRecipe.model_validate(trainings.changed(fields, changes or {}))
