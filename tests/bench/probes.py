"""Measures one tree for `tests.bench.compare`: run as a child with PYTHONPATH set to the tree, it prints JSON lines.

It goes through the command line, run directories and logs wherever these give every bit, and takes every name that may
change from `spellings`. A probe gives {where: text or number}; floats keep all their bits as JSON writes them.
"""

import argparse
import base64
import csv
import faulthandler
import importlib
import io
import json
import os
import runpy
import shutil
import signal
import sys
import time
import traceback
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"
os.environ["OMP_NUM_THREADS"] = "1"

HERE = Path(__file__).resolve().parent
Values = dict[str, str | int | float | None]
SHARED = ("torch", "torch._dynamo", "scipy.io", "matplotlib.figure", "soundfile", "crnn_audio.cli")
"""Imported once, before each probe gets a process of its own."""

RECOGNIZERS = ("an4", "an4_streaming")
STREAMING = ("an4_streaming",)
UTTERANCES = 12
CHAPTER = "1188/133604"
CHAPTER_UTTERANCES = 20
"""Five minutes, which is ten windows of a long recording."""
RATE = 16000
BLOCK = 5120
STEPS = 20
TRIES = 3
"""Of a process that dies: with PyTorch 2.11 some trainings do now and then, of the earlier commit as of later ones."""
RECIPES = (
    "tiny/lstm",
    "jsb/lstm",
    "jsb/nade",
    "nottingham/recall",
    "jsb16/lstm",
    "chorales/lstm",
    "folk_tunes/lstm",
    "alice/textbook",
    "tinyshakespeare/small",
)
WITH_DEV = ("tiny/lstm", "jsb/lstm")
"""Of these the first evaluation is awaited too."""
SMALL_WITH_DEV = ("tiny/lstm", "folk_tunes/lstm")
ENDS_EARLY = ("tiny/lstm",)
"""Recipes that end before so many steps: these get ten epochs, and one evaluation at their end."""
SOPRANO = "D5 D5 B4 C5 D5 C5 B4 A4:2 B4 B4 A4 G4 C5 B4 A4 G4:2"
EVERY_TOKEN = {"temperature": "1", "top_p": "1"}
MUSIC = {  # eight pieces of each model: how they are asked for
    "chorales": {
        "plain": {"num": "5", "seed": "100", "bars": "6", **EVERY_TOKEN},
        "asked": {"num": "1", "seed": "7", "bars": "4", "condition": "key=D", "temperature": "0.8", "top_p": "1"},
        "primer": {"num": "1", "seed": "11", "bars": "6", "primer": "G4+D4+B3+G2:2 A4+D4+C4+F#2:2", **EVERY_TOKEN},
        "kept": {"num": "1", "seed": "13", "keep": f"soprano={SOPRANO}", "condition": "key=G", **EVERY_TOKEN},
    },
    "folk_tunes": {
        "plain": {"num": "5", "seed": "200", **EVERY_TOKEN},
        "asked": {"num": "2", "seed": "31", "condition": "key=G", "temperature": "0.8", "top_p": "1"},
        "primer": {
            "num": "1",
            "seed": "17",
            "bars": "8",
            "primer": "G4:0.5 B4:0.5 D5:0.5 B4:0.5 A4:0.5 C5:0.5 E5",
            **EVERY_TOKEN,
        },
    },
}
GOLDEN = HERE.parent / "golden"
"""What the suite compares with: figures of small probes, and pieces to train on."""
SMALL_UTTERANCES = 4
SMALL_CHAPTER = 4
SMALL_STEPS = 3
SMALL_RECIPES = {"jsb/lstm": "nottingham/lstm", "nottingham/recall": "jsb/recall"}
"""What is trained in the place of others: what keeps state between steps, and copying within a small corpus."""
PIECES = {"jsb16/lstm": "chorales", "chorales/lstm": "chorales", "folk_tunes/lstm": "folk_tunes"}
"""What small probes train on in the place of the corpus, which is long to read."""
CORPORA = ("folk_tunes", "chorales")
"""Those that are read out of another package."""


def names(only: Sequence[str] = (), *, small: bool = False) -> list[str]:
    """The probes of some groups, or by their own names; of all but the corpora without any."""
    recipes = [SMALL_RECIPES.get(recipe, recipe) for recipe in RECIPES] if small else RECIPES
    found = [
        *(f"speech:{model}" for model in RECOGNIZERS),
        *(f"music:{model}" for model in MUSIC),
        "show",
        *(f"losses:{recipe}" for recipe in recipes),
        *(f"corpora:{corpus}" for corpus in CORPORA),
    ]
    if not only:
        return [one for one in found if not one.startswith("corpora")]
    if unknown := [one for one in only if one not in found and not any(name.startswith(f"{one}:") for name in found)]:
        raise SystemExit(f"no probe {unknown[0]}; there are {', '.join(found)}.")
    return [name for name in found if name in only or name.partition(":")[0] in only]


class Tree:
    """The tree that this process imports, and a folder to work in."""

    def __init__(self, spelling: Any, folder: Path, small: bool) -> None:
        self.spelling = spelling
        self.folder = folder
        self.small = small
        self.steps = SMALL_STEPS if small else STEPS

    def command(self, *words: str) -> tuple[int, str]:
        """Runs a command line in this process; its exit code and standard output."""
        out, err = (io.TextIOWrapper(io.BytesIO(), encoding="utf-8", write_through=True) for _ in range(2))
        sys.stderr.write(f"$ crnn-audio {' '.join(words)}\n")
        before, code = sys.argv, 0
        sys.argv = ["crnn-audio", *words]
        try:
            with redirect_stdout(out), redirect_stderr(err):
                runpy.run_module("crnn_audio", run_name="__main__")
        except SystemExit as ended:
            code = int(ended.code or 0)
        finally:
            sys.argv = before
        said = err.buffer.getvalue().decode()
        sys.stderr.write(said)
        if code not in (0, 130):
            raise RuntimeError(f"crnn-audio {' '.join(words)} ended with {code}: {said[-2000:]}")
        return code, out.buffer.getvalue().decode()

    def new(self, name: str) -> Path:
        """The path of a folder that is not there."""
        path = self.folder / name
        shutil.rmtree(path, ignore_errors=True)
        return path


# ------------------------------------------------------------------------------------------------ speech


def speech(tree: Tree, model: str) -> Values:
    """Transcripts with times and confidences of short utterances and of a long chapter; of a stream too."""
    import crnn_audio

    recognizer = getattr(crnn_audio, tree.spelling.load)(model, device="cpu")
    short = utterances(SMALL_UTTERANCES if tree.small else UTTERANCES)
    long = chapter(tree.folder, SMALL_CHAPTER if tree.small else CHAPTER_UTTERANCES)
    sources = {**{f"an4/{path.stem}": path for path in short}, "chapter": long}
    hypotheses = getattr(recognizer, tree.spelling.transcribe)([str(path) for path in sources.values()])
    values: Values = {}
    for name, one in zip(sources, hypotheses, strict=True):
        values |= spoken(tree, one, name)
    if model in STREAMING:
        for name, path in sources.items():
            for number, final in enumerate(streamed(tree, recognizer, path)):
                values |= spoken(tree, final, f"{name}/stream {number}")
    return values


def spoken(tree: Tree, hypothesis: Any, name: str) -> Values:
    """What one hypothesis holds."""
    its = tree.spelling
    values: Values = {f"{name} text": getattr(hypothesis, its.text)}
    values[f"{name} confidence"] = getattr(hypothesis, its.confidence)
    for number, word in enumerate(getattr(hypothesis, its.words)):
        values[f"{name} word {number}"] = getattr(word, its.word)
        values |= {
            f"{name} word {number} {what}": getattr(word, getattr(its, what)) for what in ("start", "end", "confidence")
        }
    return values


def streamed(tree: Tree, recognizer: Any, path: Path) -> Iterator[Any]:
    """The utterances of a recording that arrives in blocks."""
    import soundfile

    its = tree.spelling
    wave, rate = soundfile.read(path, dtype="float32")
    with getattr(recognizer, its.stream)(rate) as stream:
        for at in range(0, len(wave), BLOCK):
            yield from getattr(getattr(stream, its.feed)(wave[at : at + BLOCK]), its.finals)
        yield from getattr(getattr(stream, its.flush)(), its.finals)


def rows(corpus: str, split: str) -> list[Path]:
    """The recordings of a split, by the corpus' table."""
    folder = Path(os.environ["CRNN_AUDIO_DATA"]) / corpus
    with (folder / "transcripts.tsv").open(encoding="utf-8", newline="") as table:
        found = list(csv.DictReader(table, delimiter="\t", quoting=csv.QUOTE_NONE))
    return [folder / row["path"] for row in found if row["split"] == split]


def utterances(count: int) -> list[Path]:
    """Some of AN4's test split, spread over it."""
    found = rows("an4", "test")
    return found[:: len(found) // count][:count]


def chapter(folder: Path, count: int) -> Path:
    """The beginning of a chapter of LibriSpeech as one file."""
    import numpy as np
    import soundfile

    path = folder / "chapter.wav"
    parts = sorted(one for one in rows("mini_librispeech", "longform") if CHAPTER in one.as_posix())
    waves = [soundfile.read(one, dtype="float32") for one in parts[:count]]
    assert {rate for _, rate in waves} == {RATE}
    soundfile.write(path, np.concatenate([wave for wave, _ in waves]), RATE, subtype="PCM_16")
    return path


# ------------------------------------------------------------------------------------------------ music


def music(tree: Tree, model: str) -> Values:
    """Pieces as MIDI bytes, and how likely they are."""
    its, values = tree.spelling, Values()
    for name, asked in MUSIC[model].items():
        if tree.small and name == "plain":
            continue
        out = tree.new(f"{model}-{name}")
        options = [word for option, value in asked.items() for word in (getattr(its, option), value)]
        _, lines = tree.command(its.generate, model, its.out, str(out), *options, its.device, "cpu", its.json)
        figures = [json.loads(line) for line in lines.splitlines()]
        paths = sorted(out.glob("*.mid"))
        assert len(figures) == len(paths) == int(asked.get("num", 1))
        for number, (path, piece) in enumerate(zip(paths, figures, strict=True)):
            values[f"{name} {number} midi"] = base64.b64encode(path.read_bytes()).decode()
            values |= {f"{name} {number} {ours}": piece[key] for ours, key in its.piece_figures.items()}
    return values


# ------------------------------------------------------------------------------------------------ training


def losses(tree: Tree, recipe: str) -> Values:
    """What the log says of the first steps of a training, which is stopped after them."""
    its = tree.spelling
    shutil.rmtree(out := run_folder(tree, recipe), ignore_errors=True)
    changes = [its.one_thread, its.on_cpu]
    if tree.small or recipe in ENDS_EARLY:
        epochs = SMALL_STEPS if tree.small else 10
        changes += [f"{its.epochs}={epochs}", f"{its.evaluation_epochs}={epochs}"]
    if tree.small and recipe in PIECES:
        changes += [f"{its.corpus}=midi_folder", f"{its.root}={GOLDEN / 'pieces' / PIECES[recipe]}"]
    tree.command(its.train, its.recipes.get(recipe, recipe), its.out, str(out), *changes)
    steps, evaluations = (entries(tree, recipe, event) for event in (its.step, its.dev))
    steps = steps[: tree.steps]
    assert len(steps) == tree.steps, f"{recipe} took {len(steps)} steps"
    values: Values = {}
    for number, entry in enumerate(steps):
        values |= {f"step {number} {ours}": entry[key] for ours, key in its.step_figures.items()}
    if recipe in with_dev(tree):
        values |= {f"dev {ours}": evaluations[0][key] for ours, key in its.dev_figures.items()}
    return values


def run_folder(tree: Tree, recipe: str) -> Path:
    return tree.folder / f"run-{recipe.replace('/', '-')}"


def entries(tree: Tree, recipe: str, event: str) -> list[dict[str, Any]]:
    """The whole lines of one kind in the log of a training."""
    log = run_folder(tree, recipe) / "log.jsonl"
    lines = log.read_text(encoding="utf-8").split("\n")[:-1] if log.exists() else []
    return [entry for entry in map(json.loads, lines) if entry[tree.spelling.event] == event]


def enough(tree: Tree, recipe: str) -> bool:
    """Whether the log is as long as `losses` needs it."""
    steps, evaluations = (entries(tree, recipe, event) for event in (tree.spelling.step, tree.spelling.dev))
    return len(steps) >= tree.steps and (recipe not in with_dev(tree) or bool(evaluations))


def with_dev(tree: Tree) -> Iterable[str]:
    """Recipes whose first evaluation is awaited."""
    return SMALL_WITH_DEV if tree.small else WITH_DEV


# ------------------------------------------------------------------------------------------------ the others


def show(tree: Tree) -> Values:
    """The numbers in what `show` says of each recipe below its fields."""
    its, values = tree.spelling, Values()
    if tree.small:  # vocabularies are assumed
        os.environ.pop("CRNN_AUDIO_DATA", None)
    lies_at = {new: old for old, new in its.recipes.items()}
    for path in sorted(Path("recipes").glob("*/*.yaml")):
        name = f"{path.parent.name}/{path.stem}"
        _, text = tree.command(its.show, name)
        said = [line.removeprefix("# ") for line in text.splitlines() if line.startswith("# ")]
        for ours, beginning in its.shown.items():
            if tree.small and ours == "memory of a step":
                continue  # PyTorch keeps more or less on other processors
            for line in said:
                if line.startswith(beginning):
                    values[f"{lies_at.get(name, name)} {ours}"] = numbers(line.removeprefix(beginning))
    return values


def numbers(text: str) -> str:
    """The numbers of a line without its words, which may be said otherwise."""
    words = text.replace(",", "").replace("(", " ").replace(")", " ").split()
    return " ".join(word for word in words if word[0].isdigit())


def corpora(tree: Tree, corpus: str) -> Values:
    """The lines that a corpus is kept as."""
    folder = tree.new(f"{corpus}-corpus")
    folder.mkdir()
    here = Path.cwd()
    os.chdir(folder)  # where it will be read and kept
    try:
        tree.command(tree.spelling.prepare, corpus)
    finally:
        os.chdir(here)
    files = sorted(path for path in (folder / "data").rglob("*") if path.is_file())
    return {
        f"{path.relative_to(folder)} line {number}": line
        for path in files
        for number, line in enumerate(path.read_text(encoding="utf-8").splitlines())
    }


PROBES: dict[str, Callable[..., Values]] = {
    "speech": speech,
    "music": music,
    "losses": losses,
    "show": show,
    "corpora": corpora,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("spelling", choices=["BASELINE", "WORKING"])
    parser.add_argument("folder", type=Path)
    parser.add_argument("probes", nargs="+")
    parser.add_argument("--small", action="store_true", help="less of each, for the suite")
    chosen = parser.parse_args()
    sys.path.append(str(HERE))
    import spellings

    tree = Tree(getattr(spellings, chosen.spelling), chosen.folder, chosen.small)
    results = os.dup(1)
    os.dup2(2, 1)
    for module in SHARED:
        importlib.import_module(module)
    faulthandler.enable()
    for name in chosen.probes:
        for tries in range(1, TRIES + 1):
            if not (process := os.fork()):
                signal.signal(signal.SIGTERM, signal.SIG_IGN)  # one that comes after the training ends nothing
                tell(results, measured(tree, name))
                os._exit(0)
            if not (code := awaited(process, tree, name)):
                break
            tell(results, {"probe": name, "died": code})
            shutil.rmtree(run_folder(tree, name.partition(":")[2]), ignore_errors=True)
            if tries == TRIES:
                died = f"its process ended with {code}, {TRIES} times"
                tell(results, {"probe": name, "seconds": 0.0, "cpu": 0.0, "error": died})


def tell(results: int, result: dict[str, Any]) -> None:
    """Writes one line to the parent."""
    with os.fdopen(os.dup(results), "w", encoding="utf-8") as out:
        out.write(json.dumps(result) + "\n")


def awaited(process: int, tree: Tree, name: str) -> int:
    """The exit code of a probe's process; one that trains is asked to stop once its log is long enough."""
    group, _, recipe = name.partition(":")
    stopped = group != "losses"
    while not (ended := os.waitpid(process, os.WNOHANG))[0]:
        if not stopped and enough(tree, recipe):
            os.kill(process, signal.SIGTERM)
            stopped = True
        time.sleep(0.1)
    return os.waitstatus_to_exitcode(ended[1])


def measured(tree: Tree, name: str) -> dict[str, Any]:
    """What a probe found, or its error, and what it took."""
    group, _, argument = name.partition(":")
    started, cpu = time.perf_counter(), time.process_time()
    try:
        found: dict[str, Any] = {"values": PROBES[group](tree, *([argument] if argument else []))}
    except Exception as error:
        traceback.print_exc()
        found = {"error": f"{type(error).__name__}: {error}"}
    return {"probe": name, "seconds": time.perf_counter() - started, "cpu": time.process_time() - cpu, **found}


if __name__ == "__main__":
    main()
