"""Texts that lie apart from their audio: in a tree of folders beside its tree, or in lists of names and texts.

Names tell what belongs together, so they must be unique. It is done only where no text lies beside its audio, since
a text of another folder would else be taken for one that is missing.
"""

from collections import Counter
from collections.abc import Callable, Iterable, Mapping
from pathlib import Path

from crnn_audio import audio, files
from crnn_audio.corpora.own.listing import Listing
from crnn_audio.errors import DataError

Found = dict[Path, tuple[str, str]]
"""By audio file its text, and where that stands."""


def find(root: Path, sounds: Iterable[Path], texts: Iterable[Path], found: Listing) -> Found:
    """The texts of audio files below `root`, as far as there are some; what is wrong with others is a problem."""
    sounds, texts = list(sounds), list(texts)
    named = _trees(root, sounds, texts, found) or _lists(sounds, texts, found)
    if named:
        found.notes.append(f"{root}: {len(named)} texts that lie apart from their audio, by its names.")
    return named


def _trees(root: Path, sounds: list[Path], texts: list[Path], found: Listing) -> Found:
    """As wav/s1/a.wav and txt/s1/a.txt: the names are the same, or the paths but for the first folder."""

    def tail(path: Path) -> str:
        return "/".join(path.relative_to(root).with_suffix("").parts[1:])

    keys: tuple[Callable[[Path], str], ...] = (lambda path: path.stem, tail)
    for key in keys:
        of_sounds = _unique(sounds, key)
        of_texts = _unique([path for path in texts if key(path) in of_sounds], key)
        if of_texts:
            found.problems += [_alone(path) for path in texts if path not in of_texts.values()]
            read = {of_sounds[name]: _read(path, found) for name, path in of_texts.items()}
            return {path: text for path, text in read.items() if text}
    return {}


def _unique(paths: list[Path], key: Callable[[Path], str]) -> Mapping[str, Path]:
    """Files by their keys; none where any two share one."""
    by_key = {key(path): path for path in paths}
    return by_key if len(by_key) == len(paths) else {}


def _alone(path: Path) -> str:
    return f"{path}: a text without audio of its name. Put {path.stem}.wav where the others are."


def _read(path: Path, found: Listing) -> tuple[str, str] | None:
    try:
        return files.read_text(path, DataError), str(path)
    except DataError as error:
        found.problems.append(str(error))
        return None


def _lists(sounds: list[Path], texts: list[Path], found: Listing) -> Found:
    """Files whose lines begin with names of audio, as those of AISHELL and Multilingual LibriSpeech."""
    counts = Counter(path.stem for path in sounds)
    by_name = {path.stem: path for path in sounds if counts[path.stem] == 1}
    named: Found = {}
    for path in texts:
        lines = _numbered(path, found)
        known = [(where, by_name[name], text) for where, name, text in lines if name in by_name]
        if not known or 2 * len(known) < len(lines):
            found.problems.append(_alone(path))
            continue
        unknown = [(where, name) for where, name, _ in lines if name not in by_name]
        found.problems += [f"{where}: no audio of {name!r}. Put it there, or drop the line." for where, name in unknown]
        for where, sound, text in known:
            if sound in named:
                found.problems.append(f"{where}: {sound.stem!r} stands in {named[sound][1]} too. Keep one.")
            else:
                named[sound] = (text, where)
    return named


def _numbered(path: Path, found: Listing) -> list[tuple[str, str, str]]:
    """Where each line stands, its name, and its text."""
    text, _ = _read(path, found) or ("", "")
    lines = enumerate(text.split("\n"), 1)
    return [(f"{path}, line {number}", *_line(line)) for number, line in lines if line.strip()]


def _line(line: str) -> tuple[str, str]:
    """A name, without folder and ending, and the text after it."""
    line = line.strip()
    sign = next((sign for sign in "\t|" if sign in line), None)
    name, *text = line.split(sign, 1)
    path = Path(name.strip())
    return path.stem if path.suffix.lower() in audio.SUFFIXES else path.name, "".join(text)
