"""What is found of a person's own recordings: cuts, the split that each belongs to, and what is wrong with others."""

from dataclasses import dataclass, field, replace
from pathlib import Path

from crnn_audio import audio, files
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.errors import DataError
from crnn_audio.text.invisible import visible

SPLITS = {
    "train": "train", "training": "train",
    "dev": "dev", "devel": "dev", "development": "dev", "val": "dev", "valid": "dev", "validation": "dev",
    "test": "test", "testing": "test",
}  # fmt: skip


def split_named(name: str) -> str | None:
    """The split that a name means: "Validation" is dev, "train-clean-100" is train; None if it means none."""
    lowered = name.strip().lower()
    return SPLITS.get(lowered) or SPLITS.get(lowered.replace("_", "-").partition("-")[0])


@dataclass(frozen=True)
class Entry:
    """One cut; where it stands (a file, or a line of a table); and its split, where that is known."""

    cut: Cut
    where: str
    split: str | None = None


@dataclass
class Listing:
    """What was found so far: entries, problems (each a line with what to do), and notes that need no action.

    `texts` are as they were written, with invisible characters; `skipped` are names that a problem covers already.
    """

    entries: list[Entry] = field(default_factory=list)
    problems: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    texts: list[str] = field(default_factory=list)
    skipped: set[str] = field(default_factory=set)

    def add(
        self,
        path: Path,
        text: str,
        where: str,
        *,
        id: str,
        speaker: str | None = None,
        split: str | None = None,
        start: float | None = None,
        end: float | None = None,
        cut_id: str | None = None,
        overshoot: float = 0.0,
    ) -> None:
        """Adds an utterance, `start` to `end` seconds of an audio file or all of it; or the reason why not.

        Args:
            id: of the recording, and of the cut if that has none of its own.
            overshoot: seconds that `end` may lie after the recording, of which the cut is then the rest.
        """
        try:
            _refuse_bad_characters(path, speaker, text)
            self.texts.append(text)
            text, speaker = " ".join(visible(text).split()), visible(speaker or "").strip() or None
            if not text:
                raise DataError("its text is empty. Write what is said in it, or leave it out.")
            if files.endless(path):
                raise DataError(f"{path}: {files.ENDLESS}.")
            info = audio.inspect(path)
            recording = Recording(id, path, info.sample_rate, info.num_samples, info.num_channels)
            cut = whole(recording, text, speaker)
            if start is not None or end is not None:
                late = end is None or cut.duration < end <= cut.duration + overshoot
                cut = _part(cut, start or 0.0, cut.duration if late or end is None else end)
            cut = cut if cut_id is None else replace(cut, id=cut_id)
        except DataError as error:
            self.problems.append(f"{where}: {error}")
        else:
            self.entries.append(Entry(cut, where, split))

    def extend(self, other: "Listing") -> None:
        """Adds all that another one holds."""
        self.entries += other.entries
        self.problems += other.problems
        self.notes += other.notes
        self.texts += other.texts

    def without_duplicates(self) -> "Listing":
        """The same, of entries with one id only the first; each other one has become a problem."""
        first: dict[str, Entry] = {}
        duplicates = [entry for entry in self.entries if first.setdefault(entry.cut.id, entry) is not entry]
        problems = [f"{entry.where}: {_duplicate(entry, first[entry.cut.id])}" for entry in duplicates]
        return replace(self, entries=list(first.values()), problems=self.problems + problems)


def _refuse_bad_characters(*words: object) -> None:
    """Stops at what no UTF-8 file can hold: names in another encoding, half characters; and at zero bytes."""
    for word in map(str, words):
        if "\0" in word or word.encode("utf-8", "replace").decode() != word:
            raise DataError(f"{word!r} is not UTF-8. Rename the file or folder, or write the text again.")


def _part(cut: Cut, start: float, end: float) -> Cut:
    recording = cut.recording
    if not 0 <= start < end:
        raise DataError(f"it starts at {start:g} s and ends at {end:g} s. Give seconds, the end after the start.")
    if end * recording.sample_rate > recording.num_samples + 0.5:
        raise DataError(f"it ends at {end:g} s, but {recording.path} at {recording.duration:.2f} s. Correct the times.")
    id = f"{recording.id}-{round(1000 * start):07d}-{round(1000 * end):07d}"
    return Cut(id, recording, start, end - start, cut.text, cut.speaker)


def _duplicate(entry: Entry, first: Entry) -> str:
    mine, other = entry.cut.recording.path, first.cut.recording.path
    if mine == other:
        text = "the same" if entry.cut.text == first.cut.text else "another"
        return f"the same recording as in {first.where}, with {text} text. Keep the right one."
    return f"{mine.name} has the stem of {other.name} ({first.where}), and ids come from stems. Rename or drop one."
