"""Spoken orders to a coffee machine with what they mean: 619 recordings of more than 50 unnamed speakers, 16 kHz.

One intent, orderDrink, and up to six slots; nobody wrote down the words. Upstream all of it is a test set. Here the
recordings are parted by a hash of their names: 300 train, 119 dev, the others test; a speaker may stand in all of them.
Copies with `intents.tsv` are read too: their splits are as that table says, and their scores are not those of these.
"""

import json
import zlib
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Any

from crnn_audio import audio, files
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.corpora import download
from crnn_audio.corpora.home import Progress, arriving
from crnn_audio.errors import DataError

NAME = "coffee_commands"
KIND = "recognition"
LICENCE = "Apache 2.0 (Picovoice Inc.)"
HOME = "https://github.com/Picovoice/speech-to-intent-benchmark/"
COMMIT = "47b1ca63afe4f08cb83e1f70fec16764879bd130"
NOT_FOR = (
    "It knows the words of orders to one coffee machine, said by some fifty people. Other words become words of an "
    "order, or nothing; noise, other accents and distant microphones are new to it."
)
TABLE = "intents.tsv"
LABELS, SPEECH = Path("data/label/label.json"), Path("data/speech/clean")
EXPECTED = 619
SIZES = {"train": 300, "dev": 119}


def read_splits(folder: Path) -> dict[str, list[Cut]]:
    """Reads the corpus from the files of its repository, or from a copy with intents.tsv.

    Raises:
        DataError: it is not whole, or a label is damaged.
    """
    if (folder / TABLE).is_file():
        return _from_table(folder)
    labels = files.read_json_object(folder / LABELS, DataError, advice="Fetch the corpus again.")
    if len(labels) != EXPECTED:
        raise DataError(f"{folder / LABELS}: {len(labels)} orders, where there are {EXPECTED}. Fetch the corpus again.")
    names = sorted(labels, key=lambda name: (zlib.crc32(name.encode()), name))
    ends = {"train": SIZES["train"], "dev": sum(SIZES.values()), "test": EXPECTED}
    found: dict[str, list[Cut]] = {}
    begin = 0
    for split, end in ends.items():
        found[split] = [
            _cut(folder / SPEECH / Path(name).name, labels[name], folder / LABELS) for name in names[begin:end]
        ]
        begin = end
    return found


def _from_table(folder: Path) -> dict[str, list[Cut]]:
    path = folder / TABLE
    lines = files.read_text(path, DataError, advice="Fetch the corpus again.").splitlines()
    columns = lines[0].split("\t") if lines else []
    if not {"path", "split", "intent", "slots"} <= set(columns):
        raise DataError(f"{path}: has not the columns path, split, intent and slots. Fetch the corpus again.")
    found: dict[str, list[Cut]] = {split: [] for split in SIZES}
    for line in lines[1:]:
        fields = dict(zip(columns, line.split("\t"), strict=False))
        label = {"intent": fields.get("intent"), "slots": _parsed(fields.get("slots", ""), path)}
        name = fields["path"]
        found.setdefault(fields.get("split", ""), []).append(
            _cut(folder / Path(name).parent / Path(name).name, label, path)
        )
    counts = {split: len(cuts) for split, cuts in found.items()}
    if counts != SIZES:
        raise DataError(f"{path}: {counts} orders, where it has {SIZES}. Fetch the corpus again.")
    return found


def _parsed(text: str, path: Path) -> Any:
    try:
        return files.parse_json(text)
    except ValueError as error:
        raise DataError(f"{path}: slots {text[:40]!r} are no JSON ({error}). Fetch the corpus again.") from None


def _cut(path: Path, label: Any, source: Path) -> Cut:
    intent, slots = (label.get("intent"), label.get("slots")) if isinstance(label, dict) else (None, None)
    if not isinstance(intent, str) or not isinstance(slots, dict) or not _are_texts(slots.values()):
        raise DataError(f"{source}: {path.name} is labelled {json.dumps(label)[:80]}. Fetch the corpus again.")
    info = audio.inspect(path)
    recording = Recording(path.stem, path, info.sample_rate, info.num_samples, info.num_channels)
    said = tuple(sorted((slot, value.strip()) for slot, value in slots.items()))
    return replace(whole(recording, ""), label=intent, slots=said)


def _are_texts(values: Iterable[Any]) -> bool:
    return all(isinstance(value, str) for value in values)


def obtain(folder: Path, progress: Progress | None = None, *, home: str = HOME) -> None:
    """Downloads the repository's archive (0.3 GB), unpacks it as `folder` and checks that it is whole.

    Raises:
        DataError: it cannot be reached, is cut short, damaged, or not this corpus; `folder` is then not there.
    """
    with arriving(folder) as partial:
        archive = partial / "coffee.tar.gz"
        download.fetch(f"{home}archive/{COMMIT}.tar.gz", archive, "orders", progress)
        download.unpack(archive, partial, f"speech-to-intent-benchmark-{COMMIT}")
        read_splits(partial)
