"""What a piece may be asked for by name: its key, its metre, its style; each one of the values that were seen."""

import difflib
import json
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from itertools import accumulate
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import DataError, RunError
from crnn_audio.symbolic import home_keys
from crnn_audio.symbolic.keys import parse_key
from crnn_audio.symbolic.score import Key


@dataclass(frozen=True)
class Conditions:
    """Named choices; `values["metre"]` are those of the metre. Id 0 of each is "not told".

    Args:
        at_home: pieces are written in home keys (`home_keys`), so that of a key that is asked for only its mode is
            told; `values["key"]` are the home keys of the modes.
        kinds: what pieces are, all together, and how many are so, the commonest first: of what is not asked for, a
            piece is like one of these.
    """

    values: Mapping[str, tuple[str, ...]]
    at_home: bool = False
    kinds: tuple[tuple[Mapping[str, str], int], ...] = ()

    @classmethod
    def of(
        cls,
        pieces: Iterable[Mapping[str, str]],
        kinds: Iterable[Mapping[str, str]] = (),
        *,
        at_home: bool = False,
    ) -> "Conditions":
        """All that these pieces say of themselves, sorted; `kinds` are those that new ones are to be like."""
        found: dict[str, set[str]] = {}
        for piece in pieces:
            for name, value in piece.items():
                found.setdefault(name, set()).add(_told(name, value) if at_home else value)
        values = {name: tuple(sorted(found[name], key=_counted)) for name in sorted(found)}
        counts = Counter(tuple(sorted(kind.items())) for kind in kinds)
        return cls(values, at_home, tuple((dict(kind), count) for kind, count in counts.most_common()))

    def save(self, path: Path) -> None:
        """Writes them as JSON, all or nothing."""
        files.write_text(path, json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path, *, at_home: bool) -> "Conditions":
        """Reads what `save` wrote.

        Raises:
            RunError: the file is missing or damaged.
        """
        try:
            return cls.from_json(files.read_json_object(path, RunError), at_home=at_home)
        except ValueError as error:
            raise RunError(f"{path}: damaged ({error}). Restore it from a copy, or train again.") from None

    @classmethod
    def from_json(cls, content: Mapping[str, Any], *, at_home: bool) -> "Conditions":
        """The inverse of `as_json`.

        Raises:
            ValueError: this is something else.
        """
        values, kinds = content.get("values"), content.get("kinds")
        if not (isinstance(values, dict) and all(map(_is_names, values.values()))):
            raise ValueError("its values are not lists of names")
        if not (isinstance(kinds, list) and all(map(_is_kind, kinds))):
            raise ValueError("its kinds are not what pieces have together")
        pairs = tuple((kind["told"], kind["pieces"]) for kind in kinds)
        return cls({name: tuple(choices) for name, choices in values.items()}, at_home, pairs)

    def as_json(self) -> dict[str, Any]:
        """For a file; `at_home` stands in the recipe."""
        return {
            "values": {name: list(choices) for name, choices in self.values.items()},
            "kinds": [{"told": dict(told), "pieces": count} for told, count in self.kinds],
        }

    def completed(self, asked: Mapping[str, str], chance: float) -> dict[str, str]:
        """All that a new piece is: what is asked for, and else what training pieces that agree with it most are.

        Which of these, `chance` decides, from 0 on and below 1.
        """
        most = max((_agreement(told, asked) for told, _ in self.kinds), default=None)
        like = [(told, count) for told, count in self.kinds if _agreement(told, asked) == most]
        heights = list(accumulate(count for _, count in like))
        chosen = like[bisect(heights, chance * heights[-1])][0] if like else {}
        return {**chosen, **asked}

    @property
    def sizes(self) -> tuple[int, ...]:
        """Ids of each, "not told" among them."""
        return tuple(len(choices) + 1 for choices in self.values.values())

    def knows(self, name: str, value: str) -> bool:
        """Whether it may be asked for."""
        return self._told(name, value) in self.values.get(name, ())

    def usable(self, told: Mapping[str, str]) -> dict[str, str]:
        """What of this may be asked for."""
        return {name: value for name, value in told.items() if self.knows(name, value)}

    def listed(self, name: str) -> str:
        """The choices of a name, for people."""
        if name == "key" and self.at_home:
            modes = [parse_key(value).mode for value in self.values[name]]
            return "any key that is " + " or ".join(modes)
        return ", ".join(self.values[name])

    def _told(self, name: str, value: str) -> str:
        return _told(name, value) if self.at_home else value

    def named(self, ids: Sequence[int]) -> dict[str, str]:
        """What these ids ask for; the inverse of `ids`."""
        pairs = zip(self.values, ids, strict=True)
        return {name: self.values[name][one - 1] for name, one in pairs if one}

    def ids(self, asked: Mapping[str, str]) -> tuple[int, ...]:
        """The id of each choice, 0 where nothing is asked for.

        Raises:
            DataError: there is no such condition, or no such value of it; with those that there are.
        """
        for name, value in asked.items():
            if name not in self.values:
                known = ", ".join(self.values) or "none"
                raise DataError(f"condition {name}={value}: this model knows no {name!r}. Its conditions are: {known}.")
            if not self.knows(name, value):
                near = difflib.get_close_matches(value, self.values[name], 1)
                guess = f" Did you mean {near[0]!r}?" if near else ""
                raise DataError(
                    f"condition {name}={value}: no such {name}.{guess} This model knows {self.listed(name)}."
                )
        return tuple(
            choices.index(self._told(name, asked[name])) + 1 if name in asked else 0
            for name, choices in self.values.items()
        )


def _told(name: str, value: str) -> str:
    """What a model of pieces in home keys is told; a key that is none stays as it is, and is not known."""
    if name != "key":
        return value
    try:
        return str(home_keys.home(parse_key(value)))
    except DataError:
        return value


def _counted(value: str) -> tuple[float, str]:
    """Sorts numbers as numbers."""
    try:
        return float(value), ""
    except ValueError:
        return -1.0, value


def _is_names(choices: object) -> bool:
    return isinstance(choices, list) and all(isinstance(value, str) for value in choices)


def transposed(condition: Mapping[str, str], semitones: int) -> dict[str, str]:
    """The same of a piece that is moved up, or down if negative: another key."""
    if "key" not in condition:
        return dict(condition)
    return dict(condition) | {"key": str(moved(parse_key(condition["key"]), semitones))}


def moved(key: Key, semitones: int) -> Key:
    """The key so many semitones higher, with six sharps or flats at most."""
    sharps = (key.sharps + 7 * semitones + 5) % 12 - 5
    return Key(key.start, sharps, key.mode)


def _agreement(kind: Mapping[str, str], asked: Mapping[str, str]) -> tuple[bool, int]:
    """How much of what is asked for such a piece has: the metre, if one is asked for, counts most."""
    same = {name for name, value in asked.items() if kind.get(name) == value}
    return "metre" in same, len(same)


def _is_kind(kind: object) -> bool:
    if not (isinstance(kind, dict) and kind.keys() == {"told", "pieces"} and isinstance(kind["told"], dict)):
        return False
    return _is_names([*kind["told"].values()]) and type(kind["pieces"]) is int and kind["pieces"] > 0
