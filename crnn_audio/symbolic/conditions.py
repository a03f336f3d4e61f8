"""What a piece may be asked for by name: its key, its metre, its style; each one of the values that were seen."""

import difflib
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Key, parsed_key


@dataclass(frozen=True)
class Conditions:
    """Named choices; `values["metre"]` are those of the metre. Id 0 of each is "not told"."""

    values: Mapping[str, tuple[str, ...]]

    @classmethod
    def of(cls, pieces: Iterable[Mapping[str, str]]) -> "Conditions":
        """All that these pieces say of themselves, sorted."""
        found: dict[str, set[str]] = {}
        for piece in pieces:
            for name, value in piece.items():
                found.setdefault(name, set()).add(value)
        return cls({name: tuple(sorted(found[name])) for name in sorted(found)})

    @property
    def sizes(self) -> tuple[int, ...]:
        """Ids of each, "not told" among them."""
        return tuple(len(choices) + 1 for choices in self.values.values())

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
            if value not in self.values[name]:
                near = difflib.get_close_matches(value, self.values[name], 1)
                guess = f" Did you mean {near[0]!r}?" if near else ""
                raise DataError(
                    f"condition {name}={value}: no such {name}.{guess} This model knows {', '.join(self.values[name])}."
                )
        return tuple(choices.index(asked[name]) + 1 if name in asked else 0 for name, choices in self.values.items())


def transposed(condition: Mapping[str, str], semitones: int) -> dict[str, str]:
    """The same of a piece that is moved up, or down if negative: another key."""
    if "key" not in condition:
        return dict(condition)
    return dict(condition) | {"key": str(moved(parsed_key(condition["key"]), semitones))}


def moved(key: Key, semitones: int) -> Key:
    """The key so many semitones higher, with six sharps or flats at most."""
    sharps = (key.sharps + 7 * semitones + 5) % 12 - 5
    return Key(key.start, sharps, key.mode)
