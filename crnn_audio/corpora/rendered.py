"""Recordings with exact labels, made of played notes: random kits or instruments, timbre, reverberation and noise.

Each piece is rendered with its own choices, as functions of the seed and its id. Labels are kinds of drums, or pitches
as MIDI numbers.
"""

import io
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from crnn_audio import audio, files
from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut, Recording, Segment, whole
from crnn_audio.batching.plan import key
from crnn_audio.corpora import soundfonts
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.errors import DataError
from crnn_audio.features.distort import Distortion
from crnn_audio.symbolic import soundfont
from crnn_audio.symbolic.ensemble import SAMPLE_RATE, Ensemble
from crnn_audio.symbolic.played import PlayedNote, window

DRUMS = {
    "kick": (35, 36),
    "snare": (37, 38, 40),
    "hi-hat": (22, 26, 42, 44, 46),
    "toms": (41, 43, 45, 47, 48, 50, 58),
    "cymbals": (49, 51, 52, 53, 55, 57, 59),
}
"""Which keys of General MIDI's and Roland's drum kits are which kind of drum; other percussion has no label."""
KIND_OF = {key: name for name, keys in DRUMS.items() for key in keys}
STRUCK = 0.05
"""Seconds of a drum's segment, of which the start is what counts."""
REVERBERANT, NOISY = 0.5, 0.7
"""Fractions of recordings with reverberation and with noise, of `NOISE_DB` decibels."""
NOISE_DB = (15.0, 50.0)
TILT_DB = 6.0
"""Largest change of the level from the middle of the spectrum, on a logarithmic scale of frequency, to its ends."""
PEAKS = (0.05, 0.9)
MAX_SECONDS = 3600.0


@dataclass(frozen=True)
class Piece:
    """What is rendered: an id, and its notes, sorted."""

    id: str
    notes: list[PlayedNote]

    @property
    def seconds(self) -> float:
        """When its last note ends."""
        return max((note.end for note in self.notes), default=0.0)


@dataclass(frozen=True)
class Rendering:
    """How pieces are rendered.

    Args:
        fonts: soundfont files.
        instruments: General MIDI programs for pitched notes; those of the notes where there are none.
        longest: seconds of a recording, into which longer pieces are cut; notes that began before are left out.
        minutes: of sound at most; pieces are then taken in a random order.
        dry: neither timbre nor reverberation nor noise is changed.
    """

    fonts: tuple[Path, ...]
    instruments: tuple[int, ...] = ()
    longest: float = 20.0
    minutes: float | None = None
    dry: bool = False
    sample_rate: int = 22050
    seed: int = 1


def render(
    splits: Mapping[str, tuple[Sequence[Piece], Rendering]], folder: Path, progress: Progress | None = None
) -> dict[str, list[Cut]]:
    """Writes <split>/<number>.flac and <split>.jsonl into `folder`, each split as it says.

    Raises:
        DataError: a soundfont is missing or damaged, or can play nothing of a split.
        OSError: the folder cannot be written.
    """
    found = dict[str, list[Cut]]()
    for split, (pieces, how) in splits.items():
        (folder / split).mkdir(parents=True, exist_ok=True)
        ensemble = Ensemble([_font(path) for path in how.fonts], how.instruments)
        parts = _parts(pieces, how)
        found[split] = []
        for number, part in enumerate(parts, 1):
            cut = _recorded(part, how, ensemble, folder / split / f"{number:05d}.flac")
            found[split] += [cut] if cut else []
            if progress:
                progress(f"rendering {split}", number, len(parts))
        if pieces and not found[split]:
            names = ", ".join(map(str, how.fonts))
            raise DataError(
                f"{split}: nothing of its {len(pieces)} pieces can be played with {names}. Take another one."
            )
        manifests.save(found[split], folder / f"{split}.jsonl")
    return found


def obtain(
    folder: Path,
    pieces: Mapping[str, Sequence[Piece]],
    minutes: Mapping[str, float | None],
    instruments: Mapping[str, tuple[int, ...]] | None = None,
    progress: Progress | None = None,
) -> None:
    """Renders a corpus as `folder`, whole or not at all: test with a soundfont that the other splits never hear.

    Args:
        minutes: of sound in each split at most.
        instruments: of each split, the programs that pitched notes are played with.

    Raises:
        DataError: a soundfont is not there, or the folder cannot be written.
    """
    splits = {}
    for split, found in pieces.items():
        fonts = soundfonts.located(soundfonts.TESTING if split == "test" else soundfonts.TRAINING)
        splits[split] = (found, Rendering(fonts, (instruments or {}).get(split, ()), minutes=minutes[split]))
    with arriving(folder) as partial:
        render(splits, partial, progress)


def _font(path: Path) -> soundfont.SoundFont:
    if files.endless(path):
        raise DataError(f"{path}: {files.ENDLESS}.")
    try:
        return soundfont.read(path)
    except OSError as error:
        raise DataError(
            f"{path}: a soundfont that cannot be read ({error.strerror}). Name a file (.sf2, .sf3)."
        ) from None


def _parts(pieces: Sequence[Piece], how: Rendering) -> list[Piece]:
    """The pieces, cut to the longest that is wanted, and as many of them as are."""
    order = sorted(pieces, key=lambda piece: key(how.seed, piece.id, "order")) if how.minutes else pieces
    parts, seconds = list[Piece](), 0.0
    for piece in order:
        if how.minutes and seconds >= 60 * how.minutes:
            break
        new = list(_cut(piece, how.longest))
        parts += new
        seconds += sum(part.seconds for part in new)
    return parts


def _cut(piece: Piece, longest: float) -> Iterator[Piece]:
    seconds = min(piece.seconds, MAX_SECONDS)
    for number, start in enumerate(np.arange(0, seconds, longest).tolist()):
        if notes := window(piece.notes, start, start + longest):
            yield Piece(piece.id if seconds <= longest else f"{piece.id}/{number}", notes)


def _recorded(piece: Piece, how: Rendering, ensemble: Ensemble, path: Path) -> Cut | None:
    """One recording and its labels; None if nothing sounds."""
    import soundfile  # here, so that naming a corpus needs no libsndfile

    generator = np.random.default_rng(key(how.seed, piece.id, *map(str, how.fonts)))
    sound = ensemble.play(piece.notes, piece.seconds + 0.5, generator)
    if not sound.any():
        return None
    sound = audio.resample(sound, SAMPLE_RATE, how.sample_rate)
    if not how.dry:
        sound = distorted(sound, how.sample_rate, generator)
    sound *= np.float32(np.exp(generator.uniform(*np.log(PEAKS))) / np.abs(sound).max())
    content = io.BytesIO()  # a full disk is no error that soundfile words
    soundfile.write(content, sound, how.sample_rate, format="FLAC", subtype="PCM_16")
    path.write_bytes(content.getvalue())
    recording = Recording(piece.id, path, how.sample_rate, len(sound))
    return replace(whole(recording, ""), segments=tuple(labelled(piece.notes)))


def distorted(sound: np.ndarray, sample_rate: int, generator: np.random.Generator) -> np.ndarray:
    """Another timbre, often in a simulated room, often with noise."""
    spectrum = np.fft.rfft(sound)
    octaves = np.log2(np.maximum(np.arange(len(spectrum)), 1) / max(len(spectrum) - 1, 1)) / 8 + 0.5
    tilted = np.fft.irfft(spectrum * 10 ** (generator.uniform(-TILT_DB, TILT_DB) * octaves / 10), len(sound))
    room = Distortion(sample_rate, noise_probability=NOISY, snr_db=NOISE_DB, reverberation_probability=REVERBERANT)
    return room(tilted.astype(np.float32), generator)


def labelled(notes: Sequence[PlayedNote]) -> Iterator[Segment]:
    """A segment for each note: the kind of drum, or the pitch; percussion of other kinds has none."""
    for note in notes:
        if not note.is_drum:
            yield Segment(note.start, note.end, str(note.pitch))
        elif note.pitch in KIND_OF:
            yield Segment(note.start, note.start + STRUCK, KIND_OF[note.pitch])
