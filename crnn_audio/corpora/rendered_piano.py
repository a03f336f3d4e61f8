"""The piano: chorales, folk tunes and random notes as recordings with exact labels, rendered here with soundfonts.

Train and dev are the training pieces of jsb16 and of nottingham (one in twelve is dev) and notes at random, so that all
88 keys are played; they are performed at other tempos, unevenly and with other velocities, by pianos of soundfonts
under the MIT licence. Test are the dev pieces of both collections as they are written, played with another soundfont.
Labels are MIDI numbers.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import numpy as np

from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import key
from crnn_audio.corpora import home, jsb16, nottingham, rendered, soundfonts
from crnn_audio.corpora.home import Progress
from crnn_audio.corpora.rendered import Piece
from crnn_audio.symbolic import played
from crnn_audio.symbolic.played import PlayedNote

NAME = "rendered_piano"
KIND = "labelling"
LICENCE = (
    f"Notes: {jsb16.NAME} ({jsb16.LICENCE}); {nottingham.NAME} ({nottingham.LICENCE}); sounds: {soundfonts.LICENCE}"
)
HOME = jsb16.HOME
NOT_FOR = (
    "Pianos of soundfonts, without a pedal: no real piano was in training, and no other instrument. Chorales and folk "
    "tunes are its music; virtuoso playing is not."
)
MINUTES = {"train": 120.0, "dev": 8.0, "test": 40.0}
KEYS = (21, 108)
"""The lowest and the highest key of a piano."""
PIANOS, GRAND = (0, 1, 2, 3), (0,)
"""General MIDI's acoustic, bright, electric grand and honky-tonk pianos; test is played with the first."""
ONE_IN = 12
RANDOM = {"train": 130, "dev": 10}
"""Pieces of random notes, of `SECONDS` each; as many of train are folk tunes."""
SECONDS = 20.0
TEMPO_OCTAVES = 0.7
"""A performance is at most 2 to this power faster or slower than written."""
UNEVEN_SECONDS, UNEVEN_VELOCITY = 0.012, 10.0
"""Standard deviations of a note's start and velocity."""
UNISON_SECONDS = 0.05
"""Notes of one key that begin closer together are one."""


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """Reads the manifests of recordings that were rendered before."""
    return {split: manifests.load(folder / f"{split}.jsonl") for split in MINUTES}


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Renders the corpus as `folder`, whole or not at all.

    Raises:
        DataError: a collection or a soundfont is not there, or the folder cannot be written.
    """
    chorales, tunes = (_pieces(corpus, progress) for corpus in (jsb16, nottingham))
    splits = {"train": list[Piece](), "dev": list[Piece](), "test": [*chorales["dev"], *tunes["dev"]]}
    fewer = sorted(tunes["train"], key=lambda piece: key("order", piece.id))[: RANDOM["train"]]
    for piece in [*chorales["train"], *fewer]:
        splits["train" if key("split", piece.id) % ONE_IN else "dev"].append(performed(piece))
    for split, count in RANDOM.items():
        splits[split] += [scattered(f"random-{split}-{number}") for number in range(count)]
    rendered.obtain(folder, splits, MINUTES, {"train": PIANOS, "dev": PIANOS, "test": GRAND}, progress)


def _pieces(corpus: home.Corpus, progress: Progress | None) -> dict[str, list[Piece]]:
    splits = corpus.read_splits(home.locate(corpus, progress=progress))
    return {
        split: [Piece(tune.id, struck_again(played.from_score(tune.score))) for tune in tunes]
        for split, tunes in splits.items()
    }


def performed(piece: Piece) -> Piece:
    """The piece at another tempo, with notes a little early or late and of velocities that rise and fall."""
    generator = np.random.default_rng(key("performed", piece.id))
    slower = 2 ** generator.uniform(-TEMPO_OCTAVES, TEMPO_OCTAVES)
    loud, swell, period = generator.uniform(45, 100), generator.uniform(0, 20), generator.uniform(2, 12)

    def note(one: PlayedNote) -> PlayedNote:
        start = max(slower * one.start + generator.normal(0, UNEVEN_SECONDS), 0.0)
        velocity = generator.normal(loud + swell * np.sin(2 * np.pi * start / period), UNEVEN_VELOCITY)
        held = max(generator.uniform(0.6, 1.0) * slower * (one.end - one.start), 0.05)
        return replace(one, start=start, end=start + held, velocity=_velocity(velocity), program=0)

    return Piece(piece.id, struck_again(map(note, piece.notes)))


def scattered(id: str) -> Piece:
    """Notes at random, as a function of the id: single ones and chords, close together or wide apart, on all keys."""
    generator = np.random.default_rng(key("scattered", id))
    gap, held = (float(np.exp(generator.uniform(*np.log(span)))) for span in ((0.1, 0.6), (0.1, 1.5)))
    notes, time, centre = list[PlayedNote](), 0.0, generator.uniform(*KEYS)
    while (time := time + generator.exponential(gap)) < SECONDS:
        centre = generator.uniform(*KEYS) if generator.uniform() < 0.1 else centre
        for _ in range(1 + min(generator.poisson(0.7), 5)):
            pitch = int(np.clip(round(generator.normal(centre, 9)), *KEYS))
            start = time + abs(generator.normal(0, UNEVEN_SECONDS))
            end = start + max(generator.exponential(held), 0.05)
            notes.append(PlayedNote(start, min(end, SECONDS), pitch, _velocity(generator.normal(75, 20))))
    return Piece(id, struck_again(note for note in notes if note.end > note.start))


def _velocity(value: float) -> int:
    return int(np.clip(round(value), 20, 120))


def struck_again(notes: Iterable[PlayedNote]) -> list[PlayedNote]:
    """Notes as one piano can play them, sorted: one ends where its key is struck again; of a unison one stays."""
    found, last = list[PlayedNote](), dict[int, PlayedNote]()
    for one in sorted(notes):
        before = last.get(one.pitch)
        if before is None or one.start - before.start >= UNISON_SECONDS:
            found += [] if before is None else [replace(before, end=min(before.end, one.start))]
            last[one.pitch] = one
    return sorted([*found, *last.values()])
