"""Sentences of a grammar, spoken by synthetic voices: `prepare speak`, where nobody has recorded any commands yet."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut
from crnn_audio.corpora import espeak, spoken_digits
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.corpora.spoken_digits import ACCENTS, VOICES, Utterance
from crnn_audio.errors import DataError
from crnn_audio.text.grammar import files
from crnn_audio.text.grammar.tree import OTHER_SPEECH, Choice, Grammar, Node, Repeat, Slot, Word
from crnn_audio.text.grammar.tree import Sequence as SequenceNode

SEED = 1
SPEEDS = (120, 200)
"""Words a minute, lowest and highest."""


@dataclass(frozen=True)
class Sentence:
    """The words of a sentence, and what it means."""

    text: str
    intent: str
    slots: tuple[tuple[str, str], ...]


def prepare_spoken(grammar: Path, out: Path, count: int, progress: Progress | None = None) -> Mapping[str, list[Cut]]:
    """Speaks random sentences of a grammar into a new folder, with manifests: `count` in train, a tenth as many in dev.

    The voices of dev are not those of train. Each branch of the grammar is taken equally often.

    Raises:
        DataError: the grammar is damaged or has `[unk]`, `out` exists, or espeak-ng is not installed or failed.
    """
    if out.exists():
        raise DataError(f"{out}: exists. Choose another folder with --out, or remove it.")
    found = files.read(grammar)
    planned = {"train": _planned(found, "train", count), "dev": _planned(found, "dev", max(count // 10, 1))}
    sentences = {one.id: sentence for of_split in planned.values() for one, sentence in of_split}
    with arriving(out) as partial:
        cuts = spoken_digits.speak([one for of_split in planned.values() for one, _ in of_split], partial, progress)
        for split, of_split in cuts.items():
            named = [replace(cut, label=sentences[cut.id].intent, slots=sentences[cut.id].slots) for cut in of_split]
            manifests.save(named, partial / f"{split}.jsonl")
    return {split: manifests.load(out / f"{split}.jsonl") for split in planned}


def _planned(grammar: Grammar, split: str, count: int) -> list[tuple[Utterance, Sentence]]:
    voices = VOICES[split]
    found = []
    for index in range(count):
        key = (SEED, list(VOICES).index(split), index)
        generator = np.random.default_rng((*key, 0))
        sentence = sampled(grammar, generator)
        line = espeak.Line(
            text=sentence.text,
            language=str(generator.choice(ACCENTS)),
            variant=voices[index % len(voices)],
            speed=int(generator.integers(*SPEEDS)),
            pitch=int(generator.integers(30, 71)),
            pitch_range=int(generator.integers(25, 76)),
            word_gap=int(generator.integers(0, 4)),
        )
        found.append((Utterance(f"{split}-{index:05d}", split, line, key), sentence))
    return found


def sampled(grammar: Grammar, generator: np.random.Generator) -> Sentence:
    """A random sentence.

    Raises:
        DataError: any other speech may stand in it, which cannot be spoken.
    """
    intent = grammar.intents[int(generator.integers(len(grammar.intents)))]
    slots = dict(intent.slots)
    spoken = _walk(intent.sentence, generator, slots)
    if OTHER_SPEECH in spoken:
        raise DataError(f"{grammar.source}: {OTHER_SPEECH} stands for any other speech, which nobody can speak.")
    text = " ".join(spoken)
    return Sentence(text, intent.name or text, tuple(sorted(slots.items())))


def _walk(node: Node, generator: np.random.Generator, slots: dict[str, str]) -> list[str]:
    match node:
        case Word(text):
            return [text]
        case SequenceNode(parts):
            return [word for part in parts for word in _walk(part, generator, slots)]
        case Choice(options):
            return _walk(options[int(generator.integers(len(options)))], generator, slots)
        case Repeat(part):
            return _walk(part, generator, slots)
        case Slot(name, part, value):
            spoken = _walk(part, generator, slots)
            if spoken:
                slots[name] = value or " ".join(spoken)
            return spoken
