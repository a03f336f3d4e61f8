"""Pieces of music with what is known of each, kept as JSON lines; and fixed splits that no family of pieces crosses."""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, TypeVar

from crnn_audio import files
from crnn_audio.batching.plan import key
from crnn_audio.corpora.home import Progress
from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Score
from crnn_audio.symbolic.score_json import of_json

T = TypeVar("T")
HELD_OUT = 0.1
"""Of the families, in dev and in test each."""
TUNES, LEFT_OUT = "tunes.jsonl", "left_out.json"
"""Files of a corpus that was made: its pieces, and of each piece that is not among them the reason."""


@dataclass(frozen=True)
class Tune:
    """A piece, and what is known of it: such as key "Em", time signature "6/8", style "jig".

    Pieces of one `family`, such as settings of one melody, share a split; by default a piece is a family of its own.
    """

    id: str
    score: Score
    condition: Mapping[str, str]
    family: str = ""


def split(tunes: Iterable[Tune]) -> dict[str, list[Tune]]:
    """Train, dev and test, by a hash of each piece's family: a piece stays in its split when others are added.

    Of a few families the nearest by hash stand in for a split that would be empty; fewer than three are all train.
    """
    found = list(tunes)
    families = sorted({tune.family or tune.id for tune in found}, key=_place)
    fewest = min(1, len(families) // 3)
    test = max(fewest, sum(_place(family) < HELD_OUT for family in families))
    dev = max(fewest, sum(_place(family) < 2 * HELD_OUT for family in families) - test)
    split_of = dict.fromkeys(families, "train")
    if fewest:
        split_of |= dict.fromkeys(families[test : test + dev], "dev") | dict.fromkeys(families[:test], "test")
        split_of[families[-1]] = "train"
    splits: dict[str, list[Tune]] = {"train": [], "dev": [], "test": []}
    for tune in found:
        splits[split_of[tune.family or tune.id]].append(tune)
    return splits


def _place(family: str) -> float:
    return key("split", family) / 2**63


def read_each(
    paths: Sequence[Path], parse: Callable[[Path], T], what: str, progress: Progress | None
) -> tuple[dict[str, T], dict[str, str]]:
    """What can be read of files, by their names without suffix, and why each of the others cannot."""
    found, left_out = dict[str, T](), dict[str, str]()
    for number, path in enumerate(paths, 1):
        try:
            found[path.stem] = parse(path)
        except DataError as error:
            left_out[path.stem] = str(error)
        if progress:
            progress(f"reading {what}", number, len(paths))
    return found, left_out


def save(tunes: Iterable[Tune], left_out: Mapping[str, str], folder: Path) -> None:
    """Writes a corpus that was made into its folder.

    Raises:
        OSError: it cannot be written.
    """
    lines = [json.dumps(asdict(tune), ensure_ascii=False, separators=(",", ":")) + "\n" for tune in tunes]
    files.write_text(folder / TUNES, "".join(lines))
    files.write_text(folder / LEFT_OUT, json.dumps(left_out, ensure_ascii=False, indent=1) + "\n")


def load(folder: Path) -> list[Tune]:
    """The pieces of a corpus that was made.

    Raises:
        DataError: they are not there, or damaged.
    """
    path = folder / TUNES
    text = files.read_text(path, DataError, advice=_anew(folder), missing=f"no such file. {_anew(folder)}")
    found = []
    for number, line in enumerate(
        text.removesuffix("\n").split("\n") if text else [], 1
    ):  # splitlines() would split at U+2028 too
        try:
            found.append(_tune(files.parse_json(line)))
        except (ValueError, TypeError, KeyError, DataError) as error:
            raise DataError(f"{path}, line {number}: no piece of music ({error!r}). {_anew(folder)}") from None
    if not found:
        raise DataError(f"{path}: holds no pieces. {_anew(folder)}")
    return found


def left_out(folder: Path) -> dict[str, str]:
    """Of each piece that the corpus does not hold the reason.

    Raises:
        DataError: it is not there, or damaged.
    """
    path = folder / LEFT_OUT
    found = files.read_json_object(path, DataError, advice=_anew(folder), missing=f"no such file. {_anew(folder)}")
    return {str(id): str(reason) for id, reason in found.items()}


def _anew(folder: Path) -> str:
    return f"Remove {folder} and run `crnn-audio prepare {folder.name}` to make it anew."


def _tune(found: dict[str, Any]) -> Tune:
    return Tune(found["id"], of_json(found["score"], complete=True), dict(found["condition"]), found["family"])
