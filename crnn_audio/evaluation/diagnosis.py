"""What is wrong with data, in figures, in lines and as a picture."""

from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from statistics import median

from crnn_audio import pictures
from crnn_audio.batching.manifests import Cut
from crnn_audio.errors import DataError


@dataclass(frozen=True)
class Issue:
    """One finding: its kind, split and cut, why and what to do; `is_error` if it stops training or scoring."""

    kind: str
    split: str
    cut: str
    problem: str
    is_error: bool

    def __str__(self) -> str:
        return f"{self.split}, cut {self.cut!r}: {self.problem}"


@dataclass(frozen=True)
class SplitFigures:
    """A split in figures: cuts, hours of sound, speakers known; seconds of cuts; cuts by sample rate."""

    split: str
    cuts: int
    hours: float
    speakers: int
    shortest: float
    median: float
    longest: float
    rates: dict[int, int]

    @classmethod
    def of(cls, split: str, cuts: Sequence[Cut]) -> "SplitFigures":
        """Those of a split's cuts."""
        durations = [cut.duration for cut in cuts]
        return cls(
            split=split,
            cuts=len(cuts),
            hours=round(sum(durations) / 3600, 4),
            speakers=len({cut.speaker for cut in cuts if cut.speaker}),
            shortest=round(min(durations), 3),
            median=round(median(durations), 3),
            longest=round(max(durations), 3),
            rates=dict(Counter(cut.recording.sample_rate for cut in cuts).most_common()),
        )


@dataclass(frozen=True)
class Diagnosis:
    """What `check` found; `durations` are seconds of each cut by split, `tokens` those of train.

    `remarks` are of whole splits: invisible characters that were removed, splits that are too short or too long.
    """

    target: str
    splits: tuple[SplitFigures, ...]
    issues: tuple[Issue, ...]
    durations: dict[str, list[float]]
    tokens: tuple[str, ...]
    remarks: tuple[str, ...] = ()

    @property
    def usable(self) -> bool:
        """Whether there are no errors."""
        return not self.errors

    @property
    def errors(self) -> list[Issue]:
        """Issues that stop training or scoring."""
        return [issue for issue in self.issues if issue.is_error]

    @property
    def warnings(self) -> list[Issue]:
        """All other issues."""
        return [issue for issue in self.issues if not issue.is_error]

    def as_json(self) -> dict[str, object]:
        """Plain figures for `--json`."""
        return {
            "target": self.target,
            "usable": self.usable,
            "splits": [asdict(one) for one in self.splits],
            "tokens": list(self.tokens),
            "findings": [asdict(one) for one in self.issues],
            "remarks": list(self.remarks),
        }


def lines(diagnosis: Diagnosis) -> list[str]:
    """The diagnosis for people: the splits in figures, every finding, and a table that counts them."""
    remarks = ["", *map(_one_line, diagnosis.remarks)] if diagnosis.remarks else []
    found = [*remarks, *_listed(diagnosis), *_table_of_findings(diagnosis)]
    return [*_table_of_splits(diagnosis), *found, "", _verdict(diagnosis)]


def _table_of_splits(diagnosis: Diagnosis) -> list[str]:
    head = f"{'split':10} {'cuts':>7} {'minutes':>9} {'speakers':>8} {'shortest':>9} {'median':>8} {'longest':>8}  Hz"
    rows = [
        f"{one.split:10} {one.cuts:7} {60 * one.hours:9.1f} {one.speakers:8} {one.shortest:7.2f} s {one.median:6.2f} s "
        f"{one.longest:6.2f} s  {', '.join(map(str, one.rates))}"
        for one in diagnosis.splits
    ]
    return [head, *rows]


def _listed(diagnosis: Diagnosis) -> list[str]:
    found: list[str] = []
    for title, issues in (("Errors", diagnosis.errors), ("Warnings", diagnosis.warnings)):
        if issues:
            found += ["", f"{title}:", *(f"  {_one_line(str(issue))}" for issue in issues)]
    return found


def _one_line(text: str) -> str:
    return text.replace("\r", "\\r").replace("\n", "\\n")


def _table_of_findings(diagnosis: Diagnosis) -> list[str]:
    counts = Counter((one.kind, one.split) for one in diagnosis.issues)
    if not counts:
        return []
    names = [one.split for one in diagnosis.splits]
    kinds = list(dict.fromkeys(one.kind for one in diagnosis.issues))
    head = f"{'findings':15} " + " ".join(f"{name:>8}" for name in names)
    return ["", head, *(f"{kind:15} " + " ".join(f"{counts[kind, name]:8}" for name in names) for kind in kinds)]


def _verdict(diagnosis: Diagnosis) -> str:
    counts = f"{len(diagnosis.errors)} errors, {len(diagnosis.warnings)} warnings"
    about = f"{counts}, {len(diagnosis.tokens)} tokens in train"
    return f"{diagnosis.target}: {'usable' if diagnosis.usable else 'not usable as it is'} ({about})."


def plot_durations(diagnosis: Diagnosis, path: Path) -> None:
    """Plots the durations of each split as a PNG.

    Raises:
        DataError: it cannot be written.
    """
    names = list(diagnosis.durations)
    figure = pictures.new(figsize=(8, 1 + 1.8 * len(names)))
    longest = max(max(durations) for durations in diagnosis.durations.values())
    for axes, name in zip(figure.subplots(len(names), sharex=True, squeeze=False)[:, 0], names, strict=True):
        durations = diagnosis.durations[name]
        axes.hist(durations, bins=60, range=(0, longest), color="tab:blue")
        axes.set(title=f"{name}: {len(durations)} cuts, {sum(durations) / 60:.1f} minutes", ylabel="cuts")
        axes.grid(alpha=0.3)
    axes.set(xlabel="seconds")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        pictures.save(figure, path)
    except OSError as error:
        raise DataError(f"{path}: cannot be written ({error.strerror or error}).") from None
