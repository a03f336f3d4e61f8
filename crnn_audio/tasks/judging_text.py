"""One pass over a text: what it costs, and what the model writes."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from math import exp
from pathlib import Path

from crnn_audio import files
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.tasks.writing import costs
from crnn_audio.types import SequenceBatch


@dataclass(frozen=True)
class TextJudgement:
    """A text foretold by what stands before: nats of all its tokens.

    `sample` is what the model wrote to go on from `primer`.
    """

    nats: float
    num_tokens: int
    num_characters: int
    primer: str = ""
    sample: str = ""
    metric: str = "nats_per_character"
    silent_share: float = 0.0

    @property
    def score(self) -> float:
        """Nats of all tokens over the number of characters."""
        return self.nats / self.num_characters

    @property
    def loss(self) -> float:
        """Nats a token."""
        return self.nats / self.num_tokens

    @property
    def perplexity(self) -> float:
        """Of a token: among so many equally likely ones the choice would be as hard."""
        return exp(min(self.loss, 700.0))

    def examples(self, count: int) -> list[tuple[str, str]]:
        """None: nothing said was to be heard."""
        return []

    @property
    def written(self) -> str:
        """What the model wrote, and after what."""
        return f"after {self.primer!r}:\n{self.sample}"

    @property
    def figures(self) -> Mapping[str, float | None]:
        """Of a token, which may be a word."""
        return {"perplexity": self.perplexity}

    def keep(self, stem: Path) -> None:
        """What the model wrote, as a text."""
        stem.parent.mkdir(exist_ok=True)
        files.write_text(stem.with_suffix(".txt"), f"{self.written}\n")


def judge_language(
    task: Prediction, batches: Iterable[SequenceBatch], num_characters: int, primer: str = "", sample: str = ""
) -> TextJudgement:
    """Foretells a whole text from a state of zero; `num_characters` is what its nats are divided by."""
    nats = costs(task, batches)
    return TextJudgement(float(nats.sum()), len(nats), num_characters, primer, sample)
