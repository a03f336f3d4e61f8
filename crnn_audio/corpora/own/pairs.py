"""A folder of audio beside its texts: name.wav and name.txt (or .lab), or LibriSpeech's lists, *.trans.txt."""

import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from pathlib import Path

from crnn_audio import audio, files
from crnn_audio.corpora import tables
from crnn_audio.corpora.own import apart
from crnn_audio.corpora.own.listing import Listing, split_named
from crnn_audio.errors import DataError

TEXTS = (".txt", ".lab")
LIST = ".trans.txt"
NO_TRANSCRIPTS = ("readme", "license", "licence", "copying", "copyright", "notice", "changelog", "authors", "source")
"""How names of texts begin that go with a corpus and are no transcripts, if there is no audio of that name."""

Stem = tuple[Path, str]
"""A folder and a file name without its suffix."""


def find(root: Path, *, speaker_folders: bool = False) -> Listing:
    """Every pair of audio and text below `root`, and every file that has no partner.

    A first-level folder train, dev or test (or train-clean-100, valid, ...) is a split. With `speaker_folders`, the
    first folder below that names the speaker.

    Raises:
        DataError: a folder cannot be read, or there is no audio, or no text at all.
    """
    found = Listing()
    sounds, texts, lists = _sorted_out(root, found)
    if not sounds:
        raise DataError(
            f"{root}: no audio in it. Wanted: recordings with a text of the same name beside each (a.wav, a.txt), or a "
            f"table (.tsv, .csv, .jsonl) with a column of paths and one of texts.{_seen(root)}"
        )
    listed = _listed(lists, found)
    if not sounds.keys().isdisjoint(texts.keys() | listed.keys()):
        _paired(root, sounds, texts, listed, found, speaker_folders)
    elif named := apart.find(root, _flat(sounds), _transcripts(texts), found):
        _named(root, _flat(sounds), named, found, speaker_folders)
    else:
        count = sum(map(len, sounds.values()))
        of_them = " of their names" if texts or listed else ""
        raise DataError(
            f"{root}: {count} audio files and no text{of_them}. Put what is said in a.wav into a.txt beside it, or "
            f"write a table (.tsv, .csv, .jsonl) with a column of paths and one of texts.{_seen(root)}"
        )
    return found


def _flat(paths: dict[Stem, list[Path]]) -> list[Path]:
    return [path for of_stem in paths.values() for path in of_stem]


def _transcripts(texts: dict[Stem, list[Path]]) -> list[Path]:
    return [path for path in _flat(texts) if not path.stem.lower().startswith(NO_TRANSCRIPTS)]


def _seen(root: Path) -> str:
    """What is there in place of what is wanted: how many files of which endings, and lists deeper down."""
    paths = [path for path in walk(root) if path.name[0] != "."]
    counts = Counter(path.suffix.lower() or "no ending" for path in paths)
    lists = [path for path in paths if path.name == "wav.scp" or tables.is_table(path)]
    seen = ", ".join(f"{count} of {suffix}" for suffix, count in counts.most_common(5))
    named = f" Name a list, or its folder: {', '.join(map(str, lists[:3]))}{', ...' if lists[3:] else ''}."
    return (f" Found files: {seen}." if paths else " It is empty.") + (named if lists else "")


def _sorted_out(root: Path, found: Listing) -> tuple[dict[Stem, list[Path]], dict[Stem, list[Path]], list[Path]]:
    """Audio by stem, texts by stem, and lists."""
    sounds: dict[Stem, list[Path]] = defaultdict(list)
    texts: dict[Stem, list[Path]] = defaultdict(list)
    lists, hidden = [], 0
    for path in walk(root):
        suffix = path.suffix.lower()
        if path.name.startswith("."):
            hidden += suffix in audio.SUFFIXES or suffix in TEXTS
        elif path.name.lower().endswith(LIST):
            lists.append(path)
        elif suffix in audio.SUFFIXES:
            sounds[path.parent, path.stem].append(path)
        elif suffix in TEXTS:
            texts[path.parent, path.stem].append(path)
    if hidden:
        found.notes.append(f"{hidden} hidden files (their names begin with a dot) were not looked at.")
    return sounds, texts, lists


def walk(root: Path) -> Iterator[Path]:
    """Every file below a folder, sorted, through links to folders too, but never twice into one.

    Raises:
        DataError: a folder cannot be read.
    """

    def refuse(error: OSError) -> None:
        raise DataError(f"{error.filename}: a folder that cannot be read ({error.strerror}). Change its permissions.")

    seen = {os.path.realpath(root)}
    for name, folders, names in os.walk(root, onerror=refuse, followlinks=True):
        folders[:] = sorted(folder for folder in folders if _new(Path(name, folder), seen))
        yield from (Path(name, one) for one in sorted(names))


def _new(folder: Path, seen: set[str]) -> bool:
    if folder.name.startswith("."):
        return False
    real = os.path.realpath(folder)
    if real in seen:
        return False
    seen.add(real)
    return True


def _listed(lists: list[Path], found: Listing) -> dict[Stem, tuple[str, str]]:
    """The content of LibriSpeech-like lists: for each stem its text, and the line that it stands on."""
    listed: dict[Stem, tuple[str, str]] = {}
    for path in lists:
        try:
            lines = files.read_text(path, DataError).split("\n")
        except DataError as error:
            found.problems.append(str(error))
            continue
        for number, line in enumerate(lines, 1):
            name, _, text = line.strip().partition(" ")
            where = f"{path}, line {number}"
            if (path.parent, name) in listed:
                found.problems.append(f"{where}: {name!r} stands in {listed[path.parent, name][1]} too. Keep one.")
            elif name:
                listed[path.parent, name] = (text, where)
    return listed


def _paired(
    root: Path,
    sounds: dict[Stem, list[Path]],
    texts: dict[Stem, list[Path]],
    listed: dict[Stem, tuple[str, str]],
    found: Listing,
    speaker_folders: bool,
) -> None:
    for stem, paths in sounds.items():
        beside = texts.get(stem, [])
        if len(paths) > 1 or len(beside) + (stem in listed) > 1:
            names = ", ".join(path.name for path in (*paths, *beside))
            where = f" and {listed[stem][1]}" if stem in listed else ""
            found.problems.append(f"{stem[0]}: {names}{where} have one stem. Keep one recording and one text of it.")
        elif stem in listed:
            text, where = listed[stem]
            speaker = stem[1].partition("-")[0] if "-" in stem[1] else None
            _add(root, paths[0], text, where, found, speaker_folders, speaker)
        elif beside:
            try:
                text = files.read_text(beside[0], DataError)
            except DataError as error:
                found.problems.append(str(error))
            else:
                _add(root, paths[0], text, str(paths[0]), found, speaker_folders)
        else:
            found.problems.append(f"{paths[0]}: no text. Write what is said in it into {stem[1]}.txt beside it.")
    _unpaired(sounds, texts, listed, found)


def _named(root: Path, sounds: list[Path], named: apart.Found, found: Listing, speaker_folders: bool) -> None:
    for path in sounds:
        if path in named:
            _add(root, path, *named[path], found, speaker_folders)
        else:
            found.problems.append(f"{path}: no text. Write what is said in it into {path.stem}.txt beside it.")


def _add(
    root: Path,
    path: Path,
    text: str,
    where: str,
    found: Listing,
    speaker_folders: bool,
    speaker: str | None = None,
) -> None:
    split, folder = places(path.relative_to(root))
    id = path.relative_to(root).with_suffix("").as_posix()
    found.add(path, text, where, id=id, speaker=(folder if speaker_folders else None) or speaker, split=split)


def places(path: Path) -> tuple[str | None, str | None]:
    """What the folders of a relative path mean: its split, and the first folder below, which may name a speaker."""
    folders = path.parts[:-1]
    split = split_named(folders[0]) if folders else None
    below = folders[1:] if split else folders
    return split, below[0] if below else None


def _unpaired(
    sounds: dict[Stem, list[Path]],
    texts: dict[Stem, list[Path]],
    listed: dict[Stem, tuple[str, str]],
    found: Listing,
) -> None:
    """Texts without audio."""
    for stem, paths in texts.items():
        if stem not in sounds and not stem[1].lower().startswith(NO_TRANSCRIPTS):
            found.problems.append(f"{paths[0]}: a text without audio of its name. Put {stem[1]}.wav beside it.")
    for stem, (_, where) in listed.items():
        if stem not in sounds:
            found.problems.append(f"{where}: no audio of {stem[1]!r} beside it. Put it there, or drop the line.")
