"""The conditions that a model can be given, by name (key, metre, style, ...): values seen in training."""

import difflib
import json
from bisect import bisect
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import accumulate, combinations
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import DAMAGED, DataError, RunError
from crnn_audio.symbolic import key_normalization
from crnn_audio.symbolic.keys import enharmonic, parse_key
from crnn_audio.symbolic.score import Key


@dataclass(frozen=True)
class Conditions:
    """Named choices; `values["metre"]` are those of the time signature. Id 0 of each is "not given".

    Args:
        normalize_keys: pieces are transposed to C major, A minor or the like (`key_normalization`), so that only the
            mode of a key is a condition; `values["key"]` are the normalized keys of the modes.
        combinations: the conditions that training pieces have together, and how many pieces have them, the commonest
            first; they complete what is not requested.
        ranges: the lowest and highest pitch of each voice in the training pieces, where these have the same voices.
    """

    values: Mapping[str, tuple[str, ...]]
    normalize_keys: bool = False
    combinations: tuple[tuple[Mapping[str, str], int], ...] = ()
    ranges: tuple[tuple[int, int], ...] = ()

    @classmethod
    def of(
        cls,
        pieces: Iterable[Mapping[str, str]],
        combinations: Iterable[Mapping[str, str]] = (),
        *,
        normalize_keys: bool = False,
        ranges: tuple[tuple[int, int], ...] = (),
    ) -> "Conditions":
        """All values that these pieces have, sorted; `combinations` are those that complete requests."""
        found: dict[str, set[str]] = {}
        for piece in pieces:
            for name, value in piece.items():
                found.setdefault(name, set()).add(_spelled(name, value, normalize_keys))
        values = {name: tuple(sorted(found[name], key=_number_or_name)) for name in sorted(found)}
        counts = Counter(tuple(sorted(combination.items())) for combination in combinations)
        return cls(values, normalize_keys, tuple((dict(one), count) for one, count in counts.most_common()), ranges)

    def save(self, path: Path) -> None:
        """Writes them as JSON, all or nothing."""
        files.write_text(path, json.dumps(self.as_json(), indent=1, ensure_ascii=False) + "\n")

    @classmethod
    def load(cls, path: Path, *, normalize_keys: bool) -> "Conditions":
        """Reads what `save` wrote.

        Raises:
            RunError: the file is missing or damaged.
        """
        try:
            return cls.from_json(files.read_json_object(path, RunError, advice=DAMAGED), normalize_keys=normalize_keys)
        except ValueError as error:
            raise RunError(f"{path}: damaged ({error}). {DAMAGED}") from None

    @classmethod
    def from_json(cls, content: Mapping[str, Any], *, normalize_keys: bool) -> "Conditions":
        """The inverse of `as_json`.

        Raises:
            ValueError: this is something else.
        """
        values, combinations = content.get("values"), content.get("combinations", content.get("kinds"))
        if not (isinstance(values, dict) and all(map(_is_names, values.values()))):
            raise ValueError("its values are not lists of names")
        pairs = tuple(map(_combination, combinations)) if isinstance(combinations, list) else None
        if pairs is None:
            raise ValueError("its combinations are no list")
        ranges = tuple(map(_range, content.get("ranges", [])))
        return cls({name: tuple(choices) for name, choices in values.items()}, normalize_keys, pairs, ranges)

    def as_json(self) -> dict[str, Any]:
        """For a file; `normalize_keys` stands in the recipe."""
        return {
            "values": {name: list(choices) for name, choices in self.values.items()},
            "combinations": [{"condition": dict(one), "pieces": count} for one, count in self.combinations],
            "ranges": [list(one) for one in self.ranges],
        }

    def completed(self, asked: Mapping[str, str], uniform: float) -> dict[str, str]:
        """The requested conditions, completed by those of training pieces that agree with them most.

        A uniform random number, from 0 on and below 1, decides which of these.
        """
        most = max((_agreement(one, asked) for one, _ in self.combinations), default=None)
        like = [(one, count) for one, count in self.combinations if _agreement(one, asked) == most]
        heights = list(accumulate(count for _, count in like))
        chosen = like[bisect(heights, uniform * heights[-1])][0] if like else {}
        return {**chosen, **asked}

    @property
    def sizes(self) -> tuple[int, ...]:
        """Ids of each, "not given" among them."""
        return tuple(len(choices) + 1 for choices in self.values.values())

    def knows(self, name: str, value: str) -> bool:
        """Whether it can be requested."""
        return self._spelled(name, value) in self.values.get(name, ())

    def usable(self, condition: Mapping[str, str]) -> dict[str, str]:
        """What of this can be requested."""
        return {name: value for name, value in condition.items() if self.knows(name, value)}

    def spelled(self, asked: Mapping[str, str]) -> dict[str, str]:
        """The same as this model spells them, such as pickup 1 for 1.0; what it does not know stays as it is.

        Raises:
            DataError: one is there twice, spelled otherwise.
        """
        found = dict[str, str]()
        for given, value in asked.items():
            name = next((one for one in self.values if one == given.strip().lower()), given)
            if name in found:
                raise DataError(f"condition {given}={value}: {name} is given twice.")
            spellings = (one for one in _spellings(name, value.strip()) if self.knows(name, one))
            spelled = next(spellings, value)
            found[name] = str(parse_key(spelled)) if name == "key" and self.knows(name, spelled) else spelled
        return found

    def never_together(self, condition: Mapping[str, str]) -> tuple[str, ...]:
        """Two of these, such as a style and a metre, that no training piece has together; none if all may be.

        Keys are not compared, since pieces are transposed.
        """
        own = [(name, value) for name, value in condition.items() if name != "key" and self.knows(name, value)]
        have = [one for one, _ in self.combinations]
        for pair in combinations(own, 2):
            if have and not any(all(one.get(name) == value for name, value in pair) for one in have):
                return tuple(f"{name}={value}" for name, value in pair)
        return ()

    def listed(self, name: str) -> str:
        """The choices of a name, for people."""
        if name == "key" and self.normalize_keys:
            modes = [parse_key(value).mode for value in self.values[name]]
            return "any key that is " + " or ".join(modes)
        return ", ".join(self.values[name])

    def _guess(self, name: str, value: str) -> str:
        same = enharmonic(value) if name == "key" else None
        if same and self.knows("key", str(same)):
            return f" Did you mean {str(same)!r}, which sounds the same?"
        near = difflib.get_close_matches(value, self.values[name], 1)
        return f" Did you mean {near[0]!r}?" if near else ""

    def _spelled(self, name: str, value: str) -> str:
        return _spelled(name, value, self.normalize_keys)

    def named(self, ids: Sequence[int]) -> dict[str, str]:
        """The conditions of these ids; the inverse of `ids`."""
        pairs = zip(self.values, ids, strict=True)
        return {name: self.values[name][one - 1] for name, one in pairs if one}

    def ids(self, asked: Mapping[str, str]) -> tuple[int, ...]:
        """The id of each choice, 0 where none is given.

        Raises:
            DataError: there is no such condition, or no such value of it; with those that there are.
        """
        for name, value in asked.items():
            if name not in self.values:
                known = ", ".join(self.values) or "none"
                raise DataError(f"condition {name}={value}: this model knows no {name!r}. Its conditions are: {known}.")
            if not self.knows(name, value):
                guess = self._guess(name, value)
                raise DataError(
                    f"condition {name}={value}: no such {name}.{guess} This model knows {self.listed(name)}."
                )
        return tuple(
            choices.index(self._spelled(name, asked[name])) + 1 if name in asked else 0
            for name, choices in self.values.items()
        )


def _spellings(name: str, value: str) -> Iterator[str]:
    """The value itself, and others that mean the same."""
    yield value
    yield value.lower()
    with suppress(ValueError):
        yield f"{float(value):g}"
    if name == "metre":
        yield {"C": "4/4", "C|": "2/2"}.get(value.upper(), "/".join(part.strip() for part in value.split("/")))


def _spelled(name: str, value: str, normalize_keys: bool) -> str:
    """A condition as `values` has it; a key that is none stays as it is, and is not known."""
    if name != "key":
        return value
    try:
        key = parse_key(value)
    except DataError:
        return value
    return str(key_normalization.normalized(key) if normalize_keys else key)


def _number_or_name(value: str) -> tuple[float, str]:
    """Sorts numbers as numbers."""
    try:
        return float(value), ""
    except ValueError:
        return -1.0, value


def _is_names(choices: object) -> bool:
    return isinstance(choices, list) and all(isinstance(value, str) for value in choices)


def transpose_condition(condition: Mapping[str, str], semitones: int) -> dict[str, str]:
    """The same of a piece that is transposed up, or down if negative: another key."""
    if "key" not in condition:
        return dict(condition)
    return dict(condition) | {"key": str(transpose_key(parse_key(condition["key"]), semitones))}


def transpose_key(key: Key, semitones: int) -> Key:
    """The key so many semitones higher, with six sharps or flats at most."""
    sharps = (key.sharps + 7 * semitones + 5) % 12 - 5
    return Key(key.start, sharps, key.mode)


def _agreement(combination: Mapping[str, str], asked: Mapping[str, str]) -> tuple[bool, int]:
    """How much of what is requested such a piece has: the metre, if one is requested, counts most."""
    same = {name for name, value in asked.items() if combination.get(name) == value}
    return "metre" in same, len(same)


def _combination(found: object) -> tuple[dict[str, str], int]:
    """The conditions and the number of pieces; files before the rename call the conditions "told"."""
    if isinstance(found, dict):
        condition, count = found.get("condition", found.get("told")), found.get("pieces")
        if isinstance(condition, dict) and _is_names([*condition.values()]) and type(count) is int and count > 0:
            return condition, count
    raise ValueError("its combinations are not conditions with a number of pieces")


def _range(found: object) -> tuple[int, int]:
    if isinstance(found, list) and len(found) == 2 and all(type(pitch) is int and 0 <= pitch < 128 for pitch in found):
        return found[0], found[1]
    raise ValueError("its ranges are not two pitches each")
