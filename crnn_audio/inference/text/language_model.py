"""A trained model that generates text, scores a given one, and predicts what may come next."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from crnn_audio.batching.text import running
from crnn_audio.config.sections import Generation
from crnn_audio.config.text import TextData
from crnn_audio.corpora import texts
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.errors import DIVERGED, DataError, RunError
from crnn_audio.inference.text import outputs
from crnn_audio.runs import Run
from crnn_audio.tasks import text_generation
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.text import encoding
from crnn_audio.text.plain import plain
from crnn_audio.text.vocabulary import Vocabulary

BATCH_SIZE = 32
"""Texts that are generated side by side."""
SHOWN = 10
"""Unknown characters or words that a message names."""


@dataclass(frozen=True)
class Prompt:
    """What a text is generated from: its beginning, and how many characters or words are sampled after it."""

    primer: str = ""
    tokens: int = 300


@dataclass(frozen=True)
class GeneratedText:
    """A generated text, its primer included, with what reproduces it: model, seed and settings.

    `nats` is the negative log-likelihood of the `num_tokens` tokens that were sampled.
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

    @property
    def summary(self) -> str:
        """A line for people."""
        each = self.nats / max(self.num_tokens, 1)
        return f"{self.num_tokens} tokens, {each:.2f} nats each, seed {self.seed}"


@dataclass(frozen=True)
class TextLikelihood:
    """The negative log-likelihood of a text: the nats of each of its `tokens`, characters or words, given those before.

    `text` is the normalised text; `num_unknown` tokens are not in the vocabulary.
    """

    text: str
    unit: str
    tokens: tuple[str, ...]
    nats: Float[np.ndarray, " T"]
    num_unknown: int
    remarks: tuple[str, ...] = ()

    @property
    def nats_per_character(self) -> float:
        """Their sum over the number of characters."""
        return float(self.nats.sum()) / len(self.text)

    @property
    def nats_per_token(self) -> float:
        """Their sum over the number of tokens."""
        return float(self.nats.mean())

    @property
    def perplexity(self) -> float:
        """Of a token: the exponential of its mean negative log-likelihood."""
        return exp(min(self.nats_per_token, 700.0))

    @property
    def counts(self) -> str:
        """What was scored, for people."""
        counted = f", {len(self.tokens)} words" if self.unit == "words" else ""
        return f"{len(self.text)} characters{counted} predicted"

    def lines(self) -> list[str]:
        """The likelihood, for people."""
        single = self.unit.removesuffix("s")
        each = f", {self.nats_per_token:.3f} nats a word" if self.unit == "words" else ""
        score = f"{self.nats_per_character:.4f} nats a character{each}, perplexity {self.perplexity:.2f} a {single}"
        unknown = f"{self.num_unknown} of {len(self.tokens)} {self.unit} are unknown to the model"
        return [score, unknown] if self.num_unknown else [score]

    def as_json(self) -> dict[str, Any]:
        """Plain figures."""
        return {
            "unit": self.unit,
            "nats_per_character": self.nats_per_character,
            "nats_per_token": self.nats_per_token,
            "perplexity": self.perplexity,
            "characters": len(self.text),
            "tokens": len(self.tokens),
            "unknown": self.num_unknown,
        }


@dataclass(frozen=True)
class Likely:
    """A character or word that may come next, and its probability."""

    token: str
    probability: float


class LanguageModel:
    """Generates text, scores given texts, and predicts what may come next; `crnn_audio.load` makes one."""

    PROMPT = Prompt
    FILE_OPTIONS = ()
    PRINTABLE = True

    def __init__(
        self,
        run: Run,
        task: Prediction,
        data: TextData,
        vocabulary: Vocabulary,
        defaults: Generation | None = None,
    ) -> None:
        self.run = run
        self.defaults = defaults or Generation()
        self.data = data
        self.task = task.eval()
        self.vocabulary = vocabulary
        self.device = next(task.model.parameters()).device

    @property
    def prompt_defaults(self) -> dict[str, Any]:
        """What of a prompt the model's recipe says: nothing."""
        return {}

    @property
    def sampling(self) -> Sampling:
        """How texts are sampled by default, as the model's recipe says."""
        return Sampling(temperature=self.defaults.temperature, top_p=self.defaults.top_p)

    def generate(self, *, primer: str = "", tokens: int = 300, sampling: Sampling | None = None) -> GeneratedText:
        """Generates a text; the arguments are those of `Prompt`.

        Raises:
            DataError: the primer holds characters that the model does not know, or a number is out of its range.
        """
        (generated,) = self.generate_many(1, Prompt(primer, tokens), sampling)
        return generated

    def generate_many(
        self, num: int, prompt: Prompt | None = None, sampling: Sampling | None = None
    ) -> list[GeneratedText]:
        """As `generate`, so many texts side by side, whose seeds follow that of `sampling`."""
        prompt, sampling = prompt or Prompt(), sampling or self.sampling
        _refuse(tokens=prompt.tokens, num=num)
        ids, remarks = self._primer(prompt.primer)
        seeds = range(sampling.seed, sampling.seed + num)
        found = list[GeneratedText]()
        for at in range(0, num, BATCH_SIZE):
            batch = seeds[at : at + BATCH_SIZE]
            steps = list(islice(text_generation.generate(self.task, ids.tolist(), batch, sampling), prompt.tokens))
            for row, seed in enumerate(batch):
                own = [int(step[row]) for step, _ in steps]
                nats = sum(float(cost[row]) for _, cost in steps)
                text = encoding.decode([*ids.tolist(), *own], self.vocabulary)
                found.append(GeneratedText(text, prompt.primer, seed, sampling, nats, len(own), remarks))
        return found

    def stream(self, *, primer: str = "", tokens: int = 300, sampling: Sampling | None = None) -> Iterator[str]:
        """The text that `generate` gives, piece by piece as it is sampled, the primer first.

        Raises:
            DataError: as `generate`, before the first piece.
        """
        sampling = sampling or self.sampling
        _refuse(tokens=tokens)
        ids, _ = self._primer(primer)
        return self._pieces(ids, tokens, sampling)

    def output_files(
        self, out: Path, name: str, seeds: Sequence[int], settings: Mapping[str, Any]
    ) -> list[outputs.TextFile]:
        """Where texts will be written, before the first is generated.

        Raises:
            DataError: they cannot be written there.
        """
        return outputs.output_files(out, name, seeds, settings)

    def _pieces(self, ids: Int[np.ndarray, " T"], count: int, sampling: Sampling) -> Iterator[str]:
        yield encoding.decode(ids.tolist(), self.vocabulary)
        before = self.vocabulary.tokens[ids[-1]] if len(ids) else ""
        for step, _ in islice(text_generation.generate(self.task, ids.tolist(), [sampling.seed], sampling), count):
            id = int(step[0])
            yield encoding.piece(id, before, self.vocabulary)
            before = self.vocabulary.tokens[id]

    def remarks(self, primer: str) -> tuple[str, ...]:
        """What a person should know of a primer: words that the model does not know, or that it is too short.

        Raises:
            DataError: it holds characters that the model does not know.
        """
        return self._primer(primer)[1]

    def _primer(self, primer: str) -> tuple[Int[np.ndarray, " T"], tuple[str, ...]]:
        """The tokens of a primer, as the model's recipe writes text, and what a person should know of it."""
        normalized = normalize(self.data, primer)
        unknown = encoding.unknown(normalized, self.vocabulary)
        named = ", ".join(map(repr, unknown[:SHOWN])) + (", ..." if len(unknown) > SHOWN else "")
        if unknown and self.vocabulary.kind == "characters":
            raise DataError(
                f"the primer holds characters that this model does not know: {named}. It knows "
                f"{''.join(self.vocabulary.tokens[2:])!r}."
            )
        ids = encoding.encode(normalized, self.vocabulary)
        remarks = [f"words of the primer that the model does not know: {named}"] if unknown else []
        if len(ids) < (size := self.task.context_length):
            remarks.append(
                f"the model learned from windows of {size} {self.vocabulary.kind} and the primer has {len(ids)}: "
                "its first tokens have less context than in training. Use a longer primer."
            )
        return ids, tuple(remarks)

    def score(self, text: str | Path) -> TextLikelihood:
        """How likely a text, or that of a file, is, token by token; characters may be unknown.

        Raises:
            DataError: there is nothing in it, or the file cannot be read.
            RunError: the model's outputs are not finite.
        """
        text = text if isinstance(text, str) else texts.read(text)
        found = likelihood(self.task, self.vocabulary, normalize(self.data, text))
        if not np.isfinite(found.nats).all():
            raise RunError(f"{self.run.path}: {DIVERGED}")
        return found

    def log_prob(self, text: str) -> float:
        """The natural logarithm of the probability of a text, in the case of the model's letters where they have one.

        Raises:
            RunError: as `score`.
        """
        letters = "".join(self.vocabulary.tokens[2:])
        text = text.lower() if letters.islower() else text.upper() if letters.isupper() else text
        return -float(self.score(text).nats.sum()) if text else 0.0

    def next(self, text: str = "", num: int = 10) -> list[Likely]:
        """The likeliest tokens after a text, the likeliest first: of words p(word | history).

        Raises:
            DataError: as `generate`.
        """
        _refuse(num=num)
        ids, _ = self._primer(text)
        log_probs, _ = text_generation.next_log_probs(self.task, ids.tolist())
        best = np.argsort(-log_probs[0], kind="stable")[:num].tolist()
        return [Likely(self.vocabulary.tokens[index + 1], exp(float(log_probs[0, index]))) for index in best]


def _refuse(**counts: int) -> None:
    for name, count in counts.items():
        if not 0 < count < 1e6:
            raise DataError(f"{name}: should be above 0 and below a million (found {count}).")


def normalize(data: TextData, text: str) -> str:
    """Any text, normalised as a recipe says."""
    return plain(text, lower_case=data.lower_case, ascii=data.ascii)


def likelihood(task: Prediction, vocabulary: Vocabulary, text: str) -> TextLikelihood:
    """How likely a normalised text is, token by token, each given all before it.

    Raises:
        DataError: there is nothing in it.
    """
    ids = encoding.encode(text, vocabulary)
    if not len(ids):
        raise DataError(f"an empty text: there are no {vocabulary.kind} in it to predict.")
    nats = text_generation.token_nats(task, running(ids, task.context_length))
    unknown = set(encoding.unknown(text, vocabulary))
    split = tuple(encoding.split(text, vocabulary))
    return TextLikelihood(text, vocabulary.kind, split, nats, sum(token in unknown for token in split))
