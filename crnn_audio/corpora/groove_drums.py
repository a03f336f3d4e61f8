"""Drums: the performances of Groove MIDI as recordings with exact labels, rendered here with soundfonts.

Splits are Groove MIDI's. Train and dev are played with soundfonts under the MIT licence, test with another one, so that
no sound of test was in training. Classes: kick, snare, hi-hat, toms, cymbals.
"""

from pathlib import Path

from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut
from crnn_audio.corpora import groove_midi, home, rendered, soundfonts
from crnn_audio.corpora.home import Progress
from crnn_audio.errors import DataError

NAME = "groove_drums"
KIND = "labelling"
LICENCE = f"Performances: {groove_midi.LICENCE}; sounds: {soundfonts.LICENCE}"
HOME = groove_midi.HOME
NOT_FOR = (
    "Drums alone, as soundfonts play them: no recording of a real drum kit was in training, and none with other "
    "instruments. Soft notes of the snare and pedalled hi-hats are missed most."
)
MINUTES = {"train": 150.0, "dev": 12.0, "test": None}


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """Reads the manifests of recordings that were rendered before."""
    return {split: manifests.load(folder / f"{split}.jsonl") for split in MINUTES}


def obtain(folder: Path, progress: Progress | None = None) -> None:
    """Renders the corpus as `folder`, whole or not at all.

    Raises:
        DataError: Groove MIDI or a soundfont is not there, or the folder cannot be written.
    """
    source = home.find(groove_midi.SOURCE)
    if source is None:
        raise DataError(f"It is rendered from Groove MIDI, which is not here. {groove_midi.ADVICE}")
    rendered.obtain(folder, groove_midi.read_pieces(source), MINUTES, progress=progress)
