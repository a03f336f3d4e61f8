"""Data folders as Kaldi has them: wav.scp and text, and where they are there, segments and utt2spk.

Every line is a key, a space and the rest. Paths in wav.scp count from where a recipe of Kaldi runs, often two folders
above. Commands in wav.scp are never run.
"""

import math
from pathlib import Path

from crnn_audio import files
from crnn_audio.corpora.own.listing import SPLITS, Listing, split_named
from crnn_audio.errors import DataError

RECORDINGS, TEXTS, SEGMENTS, SPEAKERS = "wav.scp", "text", "segments", "utt2spk"
OVERSHOOT = 0.5
"""Seconds that a segment may end after its recording and is then cut, as Kaldi does."""
PARENTS = 3

Lines = dict[str, tuple[str, str]]
"""By key the rest of a line, and where it stands."""


def folders(source: Path) -> dict[Path, str | None]:
    """The data folders that a path means, with the split of each: itself, or those right below it."""
    if source.name == RECORDINGS:
        return {source.parent: None}
    if _is_file(source / RECORDINGS):
        return {source: None}
    below = sorted(path.parent for path in source.glob(f"*/{RECORDINGS}"))
    exact = {SPLITS[path.name.lower()] for path in below if path.name.lower() in SPLITS}
    found = {path: split_named(path.name) for path in below}
    return {path: split for path, split in found.items() if split not in exact or path.name.lower() in SPLITS}


def find(source: Path) -> Listing:
    """The utterances of the data folders that `source` means.

    Raises:
        DataError: a folder has no text, or a file cannot be read.
    """
    found, places = Listing(), folders(source)
    named = {path: split for path, split in places.items() if split} or places
    for folder, split in named.items():
        _find(folder, split, found)
    if others := sorted(path.parent.name for path in source.glob(f"*/{RECORDINGS}") if path.parent not in named):
        found.notes.append(f"{source}: {', '.join(others)} not looked at, since their names are no splits.")
    return found


def _find(folder: Path, split: str | None, found: Listing) -> None:
    if not _is_file(folder / TEXTS):
        raise DataError(f"{folder}: holds {RECORDINGS} and no {TEXTS}. Write `<utterance> <what is said>` into it.")
    recordings, texts = _lines(folder / RECORDINGS, found), _lines(folder / TEXTS, found)
    speakers = _lines(folder / SPEAKERS, found) if _is_file(folder / SPEAKERS) else {}
    cut = _is_file(folder / SEGMENTS)
    utterances = _lines(folder / SEGMENTS, found) if cut else recordings
    used = f"{', '.join((TEXTS, SPEAKERS, SEGMENTS)[: 2 + cut])}" if speakers else TEXTS + f", {SEGMENTS}" * cut
    found.notes.append(f"{folder}: {len(utterances)} utterances of Kaldi's {RECORDINGS}, {used}.")
    recordings = _without_commands(recordings, found)
    for name, (rest, where) in utterances.items():
        if name not in texts:
            found.problems.append(f"{where}: {name!r} has no line in {folder / TEXTS}. Write one, or drop this one.")
            continue
        try:
            recording, start, end = _segment(rest) if cut else (name, None, None)
        except ValueError as error:
            found.problems.append(f"{where}: {error}")
            continue
        if recording not in recordings:
            if cut and recording not in found.skipped:
                found.problems.append(f"{where}: no recording {recording!r} in {folder / RECORDINGS}. Add it there.")
            continue
        found.add(
            _located(folder, recordings[recording][0]),
            texts[name][0],
            where,
            id=recording,
            cut_id=name,
            speaker=speakers.get(name, ("", ""))[0] or None,
            split=split,
            start=start,
            end=end,
            overshoot=OVERSHOOT,
        )
    for name, (_, where) in texts.items():
        if name not in utterances:
            listed = folder / (SEGMENTS if cut else RECORDINGS)
            found.problems.append(f"{where}: {name!r} is not in {listed}. Add it there, or drop this line.")


def _lines(path: Path, found: Listing) -> Lines:
    lines: Lines = {}
    for number, line in enumerate(files.read_text(path, DataError).split("\n"), 1):
        key, *rest = line.strip().split(maxsplit=1)[:2] or [""]
        where = f"{path}, line {number}"
        if key in lines:
            found.problems.append(f"{where}: {key!r} stands in {lines[key][1]} too. Keep one.")
        elif key:
            lines[key] = (rest[0] if rest else "", where)
    return lines


def _without_commands(recordings: Lines, found: Listing) -> Lines:
    """Those that are files; the others are one problem."""
    commands = {name: line for name, line in recordings.items() if line[0].endswith("|")}
    if commands:
        command, where = next(iter(commands.values()))
        rest = len(commands) - 1
        others = f", and so {'is' if rest == 1 else 'are'} {rest} more" if rest else ""
        found.problems.append(
            f"{where}: a command ({command[:60]!r}){others}; none is run. Write the audio into files, for example "
            "with Kaldi's `wav-copy`, and name those."
        )
        found.skipped.update(commands)
    return {name: line for name, line in recordings.items() if name not in commands}


def _segment(rest: str) -> tuple[str, float, float | None]:
    fields = rest.split()
    try:
        recording, (start, end) = fields[0], map(float, fields[1:3])
    except (ValueError, IndexError):
        raise ValueError("no `<utterance> <recording> <start> <end>`, in seconds. Correct it.") from None
    if fields[3:] not in ([], ["0"], ["1"]) or not math.isfinite(start + end):
        raise ValueError(f"{' '.join(fields[1:])!r} are no seconds. Correct them.")
    return recording, start, None if end == -1 else end


def _located(folder: Path, name: str) -> Path:
    """A path as it stands, from here, or from the folder or one of those above it."""
    above = [folder, *folder.resolve().parents[:PARENTS]]
    return next((path for path in (Path(name), *(one / name for one in above)) if _is_file(path)), folder / name)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except (OSError, ValueError):  # a name that is too long
        return False
