"""A trained model that writes text, says how likely a given one is, and what may come next."""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from math import exp

import numpy as np
from jaxtyping import Float, Int

from crnn_audio import build
from crnn_audio.batching.text import running
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DIVERGED, DataError, RunError
from crnn_audio.runs import Run
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.tasks.writing import begun, costs, drawn
from crnn_audio.text import tokens as units

TOKENS = 300
"""Characters or words that are written where nobody says how many."""
BESIDE = 32
"""Texts that are written side by side."""
SHOWN = 10
"""Unknown characters or words that a message names."""


@dataclass(frozen=True)
class Written:
    """A text that was written, its primer included, with what brings it back: model, seed and settings.

    `nats` is the negative log-likelihood of the `num_tokens` tokens that were drawn.
    """

    text: str
    primer: str
    seed: int
    sampling: Sampling
    nats: float
    num_tokens: int
    remarks: tuple[str, ...] = ()

    def as_json(self) -> dict[str, object]:
        """Plain figures."""
        return {
            "text": self.text,
            "primer": self.primer,
            **self.sampling.as_json(self.seed),
            "tokens": self.num_tokens,
            "nats": round(self.nats, 4),
            "nats_per_token": round(self.nats / max(self.num_tokens, 1), 4),
            "remarks": list(self.remarks),
        }


@dataclass(frozen=True)
class TextLikelihood:
    """How likely a text is under a model: the nats of each of its `tokens`, characters or words, given those before.

    `text` is how the model reads it; of `num_unknown` tokens it knows no more than that they are unknown.
    """

    text: str
    tokens: tuple[str, ...]
    nats: Float[np.ndarray, " T"]
    num_unknown: int

    @property
    def nats_per_character(self) -> float:
        """All of them over the number of characters."""
        return float(self.nats.sum()) / len(self.text)

    @property
    def nats_per_token(self) -> float:
        """All of them over the number of tokens."""
        return float(self.nats.mean())

    @property
    def perplexity(self) -> float:
        """Of a token: among so many equally likely ones the choice would be as hard."""
        return exp(min(self.nats_per_token, 700.0))


@dataclass(frozen=True)
class Likely:
    """A character or word that may come next, and its probability."""

    token: str
    probability: float


class Writer:
    """Writes text, and says how likely a given text is; `crnn_audio.load` makes one."""

    def __init__(self, run: Run, task: Prediction) -> None:
        self.run = run
        self.task = task.eval()
        self.vocabulary = run.vocabulary
        self.device = next(task.model.parameters()).device

    def generate(self, *, primer: str = "", tokens: int = TOKENS, sampling: Sampling | None = None) -> Written:
        """Writes a text.

        Args:
            primer: what it begins with.
            tokens: characters or words that are drawn after it.

        Raises:
            DataError: the primer holds characters that the model does not know, or a number is out of its range.
        """
        (written,) = self.generate_many(1, primer=primer, tokens=tokens, sampling=sampling)
        return written

    def generate_many(
        self, num: int, *, primer: str = "", tokens: int = TOKENS, sampling: Sampling | None = None
    ) -> list[Written]:
        """As `generate`, so many texts side by side, whose seeds follow that of `sampling`."""
        sampling = sampling or Sampling()
        _refuse(tokens=tokens, num=num)
        ids, remarks = self._primer(primer)
        seeds = range(sampling.seed, sampling.seed + num)
        found = list[Written]()
        for at in range(0, num, BESIDE):
            beside = seeds[at : at + BESIDE]
            steps = list(islice(drawn(self.task, ids.tolist(), beside, sampling), tokens))
            for row, seed in enumerate(beside):
                own = [int(step[row]) for step, _ in steps]
                nats = sum(float(cost[row]) for _, cost in steps)
                text = units.decode([*ids.tolist(), *own], self.vocabulary)
                found.append(Written(text, primer, seed, sampling, nats, len(own), remarks))
        return found

    def stream(self, *, primer: str = "", tokens: int = TOKENS, sampling: Sampling | None = None) -> Iterator[str]:
        """The text that `generate` gives, piece by piece as it is drawn, the primer first.

        Raises:
            DataError: as `generate`, before the first piece.
        """
        sampling = sampling or Sampling()
        _refuse(tokens=tokens)
        ids, _ = self._primer(primer)
        return self._pieces(ids, tokens, sampling)

    def _pieces(self, ids: Int[np.ndarray, " T"], count: int, sampling: Sampling) -> Iterator[str]:
        yield units.decode(ids.tolist(), self.vocabulary)
        before = self.vocabulary.tokens[ids[-1]] if len(ids) else ""
        for step, _ in islice(drawn(self.task, ids.tolist(), [sampling.seed], sampling), count):
            id = int(step[0])
            yield units.piece(id, before, self.vocabulary)
            before = self.vocabulary.tokens[id]

    def remarks(self, primer: str) -> tuple[str, ...]:
        """What a person should know of a primer: words that the model does not know, or that it is too short.

        Raises:
            DataError: it holds characters that the model does not know.
        """
        return self._primer(primer)[1]

    def _primer(self, primer: str) -> tuple[Int[np.ndarray, " T"], tuple[str, ...]]:
        """The tokens of a primer, as the model's recipe writes text, and what a person should know of it."""
        spelled = build.spelled(self.run.language, primer)
        unknown = units.unknown(spelled, self.vocabulary)
        named = ", ".join(map(repr, unknown[:SHOWN])) + (", ..." if len(unknown) > SHOWN else "")
        if unknown and self.vocabulary.kind == "characters":
            raise DataError(
                f"the primer holds characters that this model does not know: {named}. It knows "
                f"{''.join(self.vocabulary.tokens[2:])!r}."
            )
        ids = units.encode(spelled, self.vocabulary)
        remarks = [f"words of the primer that the model does not know: {named}"] if unknown else []
        if len(ids) < (size := self.task.context_length):
            remarks.append(
                f"the model learned from windows of {size} {self.vocabulary.kind} and the primer has {len(ids)}: "
                "what it writes first is guessed. Give it a longer primer."
            )
        return ids, tuple(remarks)

    def score(self, text: str) -> TextLikelihood:
        """How likely a text is, token by token, each given all before it; characters may be unknown.

        Raises:
            DataError: there is nothing in it.
            RunError: the model computes no numbers.
        """
        spelled = build.spelled(self.run.language, text)
        ids = units.encode(spelled, self.vocabulary)
        if not len(ids):
            raise DataError(f"an empty text: there are no {self.vocabulary.kind} in it to foretell.")
        nats = costs(self.task, running(ids, self.task.context_length))
        if not np.isfinite(nats).all():
            raise RunError(f"{self.run.path}: {DIVERGED}")
        unknown = set(units.unknown(spelled, self.vocabulary))
        split = tuple(units.split(spelled, self.vocabulary))
        return TextLikelihood(spelled, split, nats, sum(token in unknown for token in split))

    def next(self, text: str = "", num: int = 10) -> list[Likely]:
        """The likeliest tokens after a text, the likeliest first: of words p(word | history).

        Raises:
            DataError: as `generate`.
        """
        _refuse(num=num)
        ids, _ = self._primer(text)
        log_probs, _ = begun(self.task, ids.tolist())
        best = np.argsort(-log_probs[0], kind="stable")[:num].tolist()
        return [Likely(self.vocabulary.tokens[index + 1], exp(float(log_probs[0, index]))) for index in best]


def _refuse(**counts: int) -> None:
    for name, count in counts.items():
        if not 0 < count < 1e6:
            raise DataError(f"{name}: should be above 0 and below a million (found {count}).")
