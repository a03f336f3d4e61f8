"""Scores as people read them: the tables of `recipes/README.md`, that of the README, and the first line of a recipe.

Everything comes from `results.json`, `published.json`, `cells.json` and `written.json`; nothing is typed by hand.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from crnn_audio.metrics.scores import UNITS, rounded

Row = Mapping[str, Any]


@dataclass(frozen=True)
class Section:
    """The rows of a metric, and the other metrics that stand beside it in its table, by their headings.

    Its recipes are those that have `signs` among their metrics, where no other section has more signs of them.
    """

    metric: str
    title: str
    about: str
    heading: str
    beside: Mapping[str, str]
    signs: frozenset[str]


SPEECH = """\
How many words are wrong, in per cent of the words that were said: greedy decoding, without a language model. CER is the
same of characters. Of a corpus with folds each fold is test once, and the row is their mean."""
ROLLS = """\
How badly the next frame is predicted: the binary cross-entropies of its 88 keys summed, in nats, the mean over all
frames but the first of each piece (Bai, Kolter and Koltun 2018); at the epoch that is best on dev. With the head
`sigmoid` each key is predicted independently, with `joint` given the keys below it in its frame. A copy context is what
followed the longest earlier match of the piece's end: a memory that other models of this table do without. Beside it
the mean over pieces of each piece's mean, and the mean over windows of 200 frames without the silent ones, each from a
state of zero (Zakovskis et al. 2021)."""
NOTES = """\
How badly the next tokens are predicted: the nats of all predicted tokens of a piece, none of which is fixed, over its
notes and rests (melodies) or its voices times sixteenths (chorales), in its own key. `jsb16` has a term for each
sixteenth and voice, soprano to bass, silence being one of the classes; the end of a piece does not count."""
TEXTS = """\
How badly the last tenth of a text is predicted, read as one running text: its nats over its characters. So for words
too, whose case and spaces are not predicted, and of those outside the vocabulary only that they are. Beside it the same
text in windows of 256 tokens, each from a state of zero."""
PRONUNCIATIONS = """\
How many words get a pronunciation that is none of the listed ones (WER), and how many phones are wrong, counted against
the nearest of these (PER), in per cent. Searched as the recipe says."""
RECORDINGS = """\
How many recordings get their label, in per cent. Of a corpus with folds each fold is test once, and the row is their
mean. The head is named after how it pools the frames of a recording. Keywords missed
in a stream are those at half a false alarm an hour of background, or as the command says."""
COMMANDS = """\
How many sequences are exactly right, in per cent."""
ORDERS = """\
How many spoken commands are understood, in per cent: intent and every slot right, by the grammar that the model keeps;
what is not accepted at the threshold of 0.5 counts as wrong. A decoder named beside it is that grammar."""
TRANSLATIONS = """\
BLEU and chrF by sacrebleu with its defaults, from 0 to 100, against all known translations of each sentence. Searched
as the recipe says."""
SEGMENTS = """\
How well labels of frames agree with the truth: F1, the harmonic mean of precision and recall, in per cent, the mean
over labels. Beside it the starts of segments, within 50 ms."""
ONSETS = """\
How well onsets are found within 50 ms: F1 in per cent, the mean over labels. Test is played with a soundfont that
training never used."""
PITCHES = """\
How well notes are found, by their onsets within 50 ms: F1 in per cent, of all pitches together. Beside it notes whose
ends count too, and frames."""
ADDING = """\
The mean squared error of the sum of two of many numbers; 0.167 for whoever says 1 each time (Bai, Kolter and Koltun
2018). Every epoch has new examples."""
COPYING = """\
Nats of each of the symbols to be said, most of them blanks: ten after a pause of 1,000 cost 0.0204 without a memory
(Bai, Kolter and Koltun 2018). Every epoch has new examples."""
SECTIONS = (
    Section("wer", "Speech", SPEECH, "WER %", {"cer": "CER %"}, frozenset({"wer"})),
    Section(
        "wer", "Pronunciations", PRONUNCIATIONS, "wrong words %", {"per": "wrong phones %"}, frozenset({"wer", "per"})
    ),
    Section(
        "accuracy",
        "Labels of recordings",
        RECORDINGS,
        "right %",
        {"miss_rate": "keywords missed %"},
        frozenset({"accuracy"}),
    ),
    Section(
        "f1_frame", "Labels of frames", SEGMENTS, "F1 %", {"f1_onset": "starts %"}, frozenset({"f1_frame", "f1_onset"})
    ),
    Section("f1_onset", "Onsets", ONSETS, "F1 %", {}, frozenset({"f1_onset"})),
    Section(
        "f1_onset",
        "Notes in recordings",
        PITCHES,
        "F1 %",
        {"f1_note": "with ends %", "f1_frame": "frames %"},
        frozenset({"f1_onset", "f1_note"}),
    ),
    Section("accuracy", "Commands", COMMANDS, "right %", {}, frozenset({"wer", "accuracy"})),
    Section("acceptance", "Spoken commands", ORDERS, "accepted %", {}, frozenset({"acceptance"})),
    Section("bleu", "Translations", TRANSLATIONS, "BLEU", {"chrf": "chrF"}, frozenset({"wer", "bleu"})),
    Section(
        "nats_per_frame",
        "Piano rolls",
        ROLLS,
        "nats a frame",
        {"nats_per_frame_by_piece": "mean over pieces", "nats_per_frame_by_window": "mean over windows"},
        frozenset({"nats_per_frame"}),
    ),
    Section("nats_per_note", "Notes", NOTES, "nats a note", {}, frozenset({"nats_per_note"})),
    Section(
        "nats_per_character",
        "Characters and words",
        TEXTS,
        "nats a character",
        {"nats_per_character_by_window": "in windows"},
        frozenset({"nats_per_character"}),
    ),
    Section("mse", "Adding problem", ADDING, "mean squared error", {}, frozenset({"mse"})),
    Section("nats_per_token", "Copy memory", COPYING, "nats a symbol", {}, frozenset({"nats_per_token"})),
)
README_INTRO = """# Recipes

Every figure here was measured, and is written by `crnn-audio evaluate RUN --record` into the `results.json` beside its
recipe, with the command of each seed; nothing is typed. `make row RECIPE=recipes/jsb/lstm.yaml SEED=1` trains and
evaluates a row again and says how far it is from the recorded one; `make table` writes this page from the rows. Lower
is better, but for accuracy, acceptance, BLEU and chrF. The figure that counts of a recipe is bold: its score on test,
or on dev where test was not read. Several seeds give mean and standard deviation. Minutes are by the clock for one
seed, some beside other work; where the device is `cpu` alone, its processor was not noted. Failed experiments are in
[LOG.md](LOG.md).
"""
WRITTEN_INTRO = """## Generated music

Pieces with consecutive seeds, none selected, beside as many dev pieces that training did not see; each is generated
under the conditions of one of these (key, metre, bars)."""


def identity(row: Row) -> tuple[str, str, str, str, bool, str]:
    """What distinguishes a row from the others."""
    return row["recipe"], row["trained_on"], row["split"], row["metric"], "folds" in row, row.get("decoder", "")


def readme(
    rows: Sequence[Row],
    published: Row | None = None,
    cells: Mapping[str, Any] | None = None,
    written: Sequence[Mapping[str, Any]] = (),
) -> str:
    """The tables of all rows; beside them published figures, what each cell costs and what models of music generate."""
    lines = [README_INTRO]
    if published:
        lines += ["## Beside published figures", "", *beside_published(rows, published, ""), ""]
    for section in SECTIONS:
        lines += _section(_main_rows(rows, section), rows, section)
    lines += [*cell_table(cells), ""] if cells else []
    lines += [WRITTEN_INTRO, *(line for one in written for line in _written(one))] if written else []
    return "\n".join(lines).rstrip("\n") + "\n"


def _main_rows(rows: Sequence[Row], section: Section) -> list[Row]:
    metrics: dict[str, set[str]] = {}
    for row in rows:
        metrics.setdefault(row["recipe"], set()).add(row["metric"])
    own = {recipe for recipe, found in metrics.items() if _section_of(found) is section}
    return [row for row in rows if row["metric"] == section.metric and row["recipe"] in own]


def _section_of(metrics: set[str]) -> Section | None:
    return max((one for one in SECTIONS if one.signs <= metrics), key=lambda one: len(one.signs), default=None)


def _section(main: Sequence[Row], rows: Sequence[Row], section: Section) -> list[str]:
    if not main:
        return []
    decoders = ["decoder"] * any("decoder" in row for row in main)
    words = ["recipe", "cell", "head", "input", "trained on", "split", *decoders]
    numbers = [section.heading, *section.beside.values(), "seeds", "parameters", "minutes"]
    lines = [f"## {section.title}", "", section.about, ""]
    lines += [_cells([*words, *numbers, "device", "commit"]), "|---" * len(words) + "|--:" * len(numbers) + "|---|---|"]
    for row in main:
        name = row["recipe"].removeprefix("recipes/")
        beside = [_beside(row, rows, metric) for metric in section.beside]
        rate = f"**{_rate(row)}**" if row is _main_row(row["recipe"], main) else _rate(row)
        minutes = f"{row['train_seconds'] / 60:.{0 if row['train_seconds'] >= 600 else 1}f}"
        split = f"each of {len(set(row['folds']))} folds" if "folds" in row else row["split"]
        about = [f"[{name}]({name})", row["cell"], row["head"], row["input"], row["trained_on"], split]
        about += [row.get("decoder", "greedy")] * len(decoders)
        commits = ", ".join(map(str, dict.fromkeys(_each(row["commit"]))))
        size = [len(set(row["seeds"])), f"{row['parameters']:,}", minutes, _device(row), commits]
        lines.append(_cells([*about, rate, *beside, *size]))
    return [*lines, ""]


def _cells(words: Sequence[object]) -> str:
    return f"| {' | '.join(map(str, words))} |"


def _beside(row: Row, rows: Sequence[Row], metric: str) -> str:
    found = [one for one in rows if identity(one) == (*identity(row)[:3], metric, *identity(row)[4:])]
    return _rate(found[0]) if found else ""


def _main_row(recipe: str, rows: Sequence[Row]) -> Row:
    """On test if it was read, by its corpus's own splits, greedily, trained on all: if there are such."""

    def order(row: Row) -> tuple[bool, ...]:
        return row["split"] != "test", "folds" in row, "decoder" in row, row["trained_on"] == "train"

    return min((row for row in rows if row["recipe"] == recipe), key=order)


def beside_published(rows: Sequence[Row], published: Row, base: str) -> list[str]:
    """Our figures beside those of others: with their source, the difference, and what is not alike; then footnotes.

    `base` is the way from the page to the recipes.
    """
    lines = ["| task | split | here | published | difference | source, and what differs |", "|---|---|--:|--:|--:|---|"]
    for one in published["figures"]:
        for row in _matching(rows, one):
            unit = UNITS.get(row["metric"], f"% {row['metric'].upper()}")
            name = f"[{one['task']}]({base}{row['recipe'].removeprefix('recipes/')})"
            about = "; ".join(filter(None, (one["source"], one["differs"])))
            said = [name, one["split"], f"**{_rate(row)}** {unit}", one["published"], _difference(row, one), about]
            lines.append(_cells(said))
    notes = []
    for one in published["footnotes"]:
        found = {f"here{number}": _rate(row) for number, row in enumerate(_rows_of(rows, one), 1)}
        if len(found) == len(one["rows"]):
            notes += ["", one["text"].format(**found)]
    return lines + notes


def _rows_of(rows: Sequence[Row], footnote: Row) -> list[Row]:
    return [row for one in footnote["rows"] for row in _matching(rows, one)]


def _matching(rows: Sequence[Row], wanted: Row) -> list[Row]:
    names = [name for name in ("recipe", "trained_on", "split", "metric") if name in wanted]
    alike = [row for row in rows if "folds" not in row and row.get("decoder") == wanted.get("decoder")]
    return [row for row in alike if all(row[name] == wanted[name] for name in names)]


def _difference(row: Row, one: Row) -> str:
    try:
        published = float(one["published"])
    except ValueError:  # a bound, or none
        return ""
    factor, digits = _scale(row)
    return f"{factor * row['mean'] - published:+.{digits}f}"


def cell_table(found: Mapping[str, Any]) -> list[str]:
    """What each cell costs at equal parameters, as `python -m tests.bench.cells` measured it."""
    lines = [
        "## What a cell costs",
        "",
        f"At equal parameters, beside the LSTM, measured in turn in one run (`{found['command']}`, {_device(found)}, "
        f"commit {found.get('commit')}): a training step on 16 rows of 64 frames, a generated frame, and what one "
        "running piece remembers.",
        "",
        "| cell | units | layers | parameters | training step | generated frame | bytes of carry |",
        "|---|--:|--:|--:|--:|--:|--:|",
    ]
    for row in found["rows"]:
        lines.append(
            f"| {row['cell']} | {row['hidden_size']} | {row['num_layers']} | {row['parameters']:,} | {row['step']:.2f} "
            f"| {row['frame']:.2f} | {row['carry_bytes']:,} |"
        )
    return lines


def _written(found: Mapping[str, Any]) -> list[str]:
    """What a model generated, as `python -m tests.bench.music` measured it."""
    return [
        "",
        f"### {found['model']}",
        "",
        f"`{found['command']}`, {_device(found)}, commit {found['commit']}.",
        "",
        "| | generated | corpus |",
        "|---|--:|--:|",
        *(f"| {label} | {ours} | {theirs} |" for label, ours, theirs in found["table"]),
        "",
        *(f"- {fact}" for fact in found["facts"]),
        "",
        f"![{found['caption']}]({found['picture']})",
    ]


def with_first_line(text: str, rows: Sequence[Row]) -> str:
    """A recipe whose first line ends with what was measured, on test if it was read."""
    first, _, rest = text.partition("\n")
    described = first.split(" Measured:")[0].split(" Not measured")[0]
    section = _section_of({row["metric"] for row in rows})
    row = _main_row(rows[0]["recipe"], [row for row in rows if section and row["metric"] == section.metric])
    metric = row["metric"]
    words = {
        "accuracy": f"{_rate(row)} % right",
        "acceptance": f"{_rate(row)} % accepted",
        "bleu": f"BLEU {_rate(row)}",
    }
    named = words.get(metric, f"{'F1' if metric.startswith('f1') else 'WER'} {_rate(row)} %")
    figures = f"{row['split']} " + (f"{_rate(row)} {UNITS[metric]}" if metric in UNITS else named)
    num_seeds = len(set(row["seeds"]))
    seeds = "1 seed" if num_seeds == 1 else f"{num_seeds} seeds"
    seconds = row["train_seconds"]
    time = f"{seconds:.0f} seconds"
    if seconds >= 60:
        time = "1 minute" if seconds < 90 else f"{seconds / 60:.0f} minutes"
    return f"{described} Measured: {figures} ({seeds}), {time} on {_family(row)}.\n{rest}"


def _rate(row: Row) -> str:
    factor, digits = _scale(row)
    spread = f" ± {factor * row['sd']:.{digits}f}" if len(row["values"]) > 1 else ""
    if factor == 1:
        return rounded(row["mean"]) + spread
    return f"{factor * row['mean']:.{digits}f}{spread}"


def _scale(row: Row) -> tuple[int, int]:
    """What a figure is multiplied by for people, and its decimals."""
    return (1, 3) if row["metric"] in UNITS else (100, 2)


def _device(row: Row) -> str:
    """The GPU, or the processor and its threads; "cpu" where a run from before it was noted stands behind a figure.

    Of runs on several machines it is the last one's, as the time is.
    """
    if row["device"] != "cpu":
        return str(row["device"])
    threads, processor = row["threads"], _each(row.get("cpu"))[-1]
    return f"{processor or 'cpu'}, {threads} thread{'s' if threads != 1 else ''}"


def _each(fact: Any) -> list[Any]:
    """A fact of a row, which is a list where its runs differ in it."""
    return fact if isinstance(fact, list) else [fact]


def _family(row: Row) -> str:
    """As `_device` gives it, without the vendor's numbers in brackets: a first line is short."""
    return re.sub(r" \([^)]*\)", "", _device(row))


RESULTS = ("<!-- results: written by `crnn-audio evaluate RUN --record` -->", "<!-- end of results -->")
"""Between these lines of a document stands the table of results beside published figures."""


def with_results(document: str, rows: Sequence[Row], published: Row) -> str:
    """A document whose table of results is made anew; one without the two marks stays as it is."""
    before, begin, rest = document.partition(RESULTS[0])
    _, end, after = rest.partition(RESULTS[1])
    if not end:
        return document
    return "\n".join([before + begin, *beside_published(rows, published, "recipes/"), end + after])
