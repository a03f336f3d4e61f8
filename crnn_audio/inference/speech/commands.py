"""Spoken commands: what a recording means by a grammar, or that it means nothing of it.

The best sentence of the grammar is compared with what the model would have written freely. Where that is much likelier,
something else was said, and the command is refused.
"""

import math
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from crnn_audio.audio import OnLoss, Sound, Source
from crnn_audio.decoding.graph.decoder import GraphDecoder
from crnn_audio.decoding.graph.meanings import INTENT, Meanings
from crnn_audio.decoding.paths import Path as TokenPath
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Command, Hypothesis
from crnn_audio.inference.speech import transcription
from crnn_audio.inference.speech.endpoints import Endpoint
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.inference.speech.stream import Stream
from crnn_audio.inference.speech.transcription import Progress, SoFar

THRESHOLD = 0.5
"""The lowest confidence of a command that is accepted."""


class Commander:
    """A recogniser that understands the sentences of a grammar.

    Args:
        grammar: a file in one of the formats of `text.grammar.files`; by default the one that the run keeps.
        threshold: the lowest confidence of a command that is accepted.

    Raises:
        DataError: the grammar is damaged or does not fit the model.
    """

    def __init__(self, recognizer: Recognizer, grammar: Path | None = None, threshold: float = THRESHOLD) -> None:
        grammar = grammar or recognizer.decoding.grammar
        if grammar is None:
            raise DataError(f"{recognizer.run.path}: keeps no grammar of its own. Give one.")
        if not 0 <= threshold <= 1:
            raise DataError(f"the threshold should be from 0 to 1 (found {threshold:g}).")
        self.meanings, self.threshold = Meanings(grammar, recognizer.task.vocabulary), threshold
        decoder = GraphDecoder(self.meanings.everything(recognizer.device), recognizer.run.path)
        self.recognizer = Recognizer(recognizer.run, recognizer.task, decoder)
        self.sample_rate = recognizer.sample_rate

    def understand(self, sources: Sequence[Source]) -> Iterator[tuple[int, Hypothesis | DataError]]:
        """What each recording means, as `.command` of its hypothesis, with its position, as soon as it is known."""
        return transcription.as_completed(self, sources, None, "mix")

    def stream(self, sample_rate: int, endpoint: Endpoint | None = None) -> Stream:
        """Commands live: each finished utterance is one. Arguments and errors are those of `Recognizer.stream`."""
        inner = self.recognizer
        return Stream(
            inner.task, inner.decoder, self.hypothesis, inner.frame_seconds, sample_rate, endpoint or Endpoint()
        )

    def num_frames(self, num_samples: int) -> int:
        """Output frames of so many samples."""
        return self.recognizer.num_frames(num_samples)

    def decode(self, waveforms: Sequence[np.ndarray]) -> list[TokenPath]:
        """The best sentences of short recordings."""
        return self.recognizer.decode(waveforms)

    def decode_long(
        self, sound: Sound, on_loss: OnLoss, within: Progress | None, so_far: SoFar | None = None
    ) -> tuple[TokenPath, int]:
        """The best sentence of a recording of any length, and the number of its samples."""
        return self.recognizer.decode_long(sound, on_loss, within, so_far)

    def hypothesis(self, path: TokenPath, seconds: float) -> Hypothesis:
        """The words of a path and what they mean."""
        found = self.recognizer.hypothesis(path, seconds)
        return replace(found, command=command_of(path, self.meanings, self.threshold, found.text))


def command_of(path: TokenPath, meanings: Meanings, threshold: float, text: str) -> Command:
    """What a path through the graph of a grammar means, or that its confidence is below the threshold.

    Args:
        text: its words, which are the intent where the grammar names none.
    """
    confidence = min(math.exp(path.margin / max(len(path.tokens), 1)), 1.0) if path.tokens else 0.0
    meaning = meanings.meaning(path.outputs)
    intent = meaning.pop(INTENT, text) if confidence >= threshold else None
    return Command(intent, meaning if intent is not None else {}, confidence)


def fields(hypothesis: Hypothesis) -> dict[str, Any]:
    """A command for JSON: seconds, intent or null, slots, confidence, and the words of the best sentence."""
    command = hypothesis.command
    if command is None:
        raise ValueError("this hypothesis has no command")
    return {
        "path": hypothesis.path,
        "seconds": round(hypothesis.seconds, 4),
        "intent": command.intent,
        "slots": dict(command.slots),
        "confidence": round(command.confidence, 4),
        "text": hypothesis.text if command.intent is not None else "",
    }
