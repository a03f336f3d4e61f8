"""Every verb of the command line. Results go to standard output, all else to standard error.

Exit codes: 0 fine, 1 bug, 2 usage, 3 recipe, 4 data, 5 run directory, 6 stream, 130 interrupted. torch and all that
needs it are imported inside the verbs, so that help and mistakes in a recipe answer at once.
"""

import json
import os
import shlex
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")  # two spinning threads on busy cores are slower than one

import typer

from crnn_audio.errors import CrnnAudioError, DataError

app = typer.Typer(
    name="crnn-audio",
    help="Turns sound into symbols with convolutional-recurrent networks.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode=None,
)

RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A YAML file, or a shipped name: an4/bilstm.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the recipe: optim.lr=1e-3.")
]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A run directory, or the name of a shipped model.")]
Root = Annotated[Path | None, typer.Option(help="Where the corpus lies.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="One JSON object a line.")]


UNSEEN = {code: f"\\x{code:02x}" for code in (*range(32), *range(127, 160)) if chr(code) not in "\t\n"}
"""Control characters, as Python writes them."""


class Weights(StrEnum):
    """Which weights of a run: the best on dev, or those at the end."""

    best = "best"
    last = "last"


class Format(StrEnum):
    """How transcripts are written."""

    text = "text"
    json = "json"
    jsonl = "jsonl"
    srt = "srt"
    vtt = "vtt"
    tsv = "tsv"
    ctm = "ctm"
    textgrid = "textgrid"


def say(line: str) -> None:
    """To the person, not into the results; names in it may hold what would change the terminal."""
    print(line.translate(UNSEEN), file=sys.stderr)


@app.command("recipes")
def list_recipes(as_json: Json = False) -> None:
    """List recipes and what each measured."""
    from crnn_audio.config import load

    found = [(str(path), load.measured_line(path)) for path in load.all_recipes()]
    width = max((len(path) for path, _ in found), default=0)
    for path, line in found:
        print(json.dumps({"recipe": path, "measured": line}) if as_json else f"{path:{width}}  {line}")


@app.command()
def show(
    recipe: Annotated[str | None, typer.Argument(metavar="RECIPE", help="A YAML file, or a shipped name.")] = None,
    overrides: Overrides = None,
    json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print a JSON Schema of recipes, for an editor, and nothing else.")
    ] = False,
) -> None:
    """Print a recipe in full, and its model in figures.

    Every default is filled in; nothing is trained.
    """
    from crnn_audio.config import load

    if json_schema:
        print(load.json_schema(), end="")
        return
    if recipe is None:
        say("Name a recipe, such as an4/bilstm; `crnn-audio recipes` lists them.")
        raise typer.Exit(2)
    resolved = load.load(recipe, overrides or [])
    from crnn_audio.inference.show import lines, show

    print(load.dump(resolved))
    print("\n".join(f"# {line}" for line in lines(resolved, show(resolved))))


@app.command()
def prepare(
    corpus: Annotated[str, typer.Argument(metavar="CORPUS", help="A corpus such as an4, or the word: folder.")],
    path: Annotated[
        Path | None, typer.Argument(metavar="PATH", help="After `folder`: recordings, a table or Lhotse cuts.")
    ] = None,
    root: Root = None,
    out: Annotated[Path | None, typer.Option(help="Where manifests go; of a folder, by default data/own/NAME.")] = None,
    speaker_folders: Annotated[
        bool, typer.Option("--speaker-folders", help="The first folder in a path names the speaker.")
    ] = False,
    resplit: Annotated[bool, typer.Option("--resplit", help="Make new splits even where there are some.")] = False,
    leave_out: Annotated[
        bool, typer.Option("--leave-out", help="Go on without what cannot be used, and name it.")
    ] = False,
    as_json: Json = False,
) -> None:
    """Fetch and check a corpus, or make one of your own.

    Every file is decoded once; cuts that cannot be used are named with the reason. `prepare folder PATH` takes audio
    with a text of the same name beside it, a table (.tsv, .csv, .jsonl) of paths and texts, or Lhotse cuts.
    """
    if (corpus == "folder") != (path is not None):
        say("Write `prepare folder PATH` for your own recordings, or `prepare CORPUS` for a known corpus.")
        raise typer.Exit(2)
    from crnn_audio.training.display import Preparing

    with Preparing() as progress:
        if path is None:
            _prepare_corpus(corpus, root, out, as_json, progress)
        else:
            _prepare_folder(path, out, (speaker_folders, resplit, leave_out), as_json, progress)


def _prepare_corpus(corpus: str, root: Path | None, out: Path | None, as_json: bool, progress: Any) -> None:
    from crnn_audio import build

    prepared = build.prepare(corpus, root=root, out=out, progress=progress)
    for split, cuts in prepared.splits.items():
        _print_split(split, cuts, prepared.findings[split], as_json)
    say(f"{corpus} lies in {prepared.folder}.")


def _prepare_folder(path: Path, out: Path | None, ways: tuple[bool, bool, bool], as_json: bool, progress: Any) -> None:
    from crnn_audio.config import suggest
    from crnn_audio.corpora.own import prepare_folder

    speaker_folders, resplit, leave_out = ways
    prepared = prepare_folder(
        path, out, speaker_folders=speaker_folders, resplit=resplit, leave_out=leave_out, progress=progress
    )
    for note in prepared.notes:
        say(note)
    if prepared.left_out:
        say("\n".join([f"Left out {len(prepared.left_out)}:", *prepared.left_out]))
    say(f"Split {prepared.how}. Manifests are in {prepared.folder}. Next:")
    say(f"  {suggest.doctor(prepared.folder)}\n  {suggest.train(prepared.folder, prepared.splits)}")
    for split, cuts in prepared.splits.items():
        _print_split(split, cuts, [], as_json)


def _print_split(split: str, cuts: Any, findings: Any, as_json: bool) -> None:
    minutes = sum(cut.duration for cut in cuts) / 60
    speakers = len({cut.speaker for cut in cuts if cut.speaker})
    if as_json:
        figures = {"split": split, "cuts": len(cuts), "hours": round(minutes / 60, 4), "speakers": speakers}
        print(json.dumps({**figures, "unusable": [str(one) for one in findings]}))
    else:
        counts = f"{len(cuts):6} cuts  {minutes:8.1f} minutes  {speakers:4} speakers"
        print(f"{split:5}  {counts}  {len(findings)} unusable")
        print("".join(f"       {one}\n" for one in findings), end="")


@app.command()
def doctor(
    target: Annotated[str, typer.Argument(metavar="TARGET", help="A corpus, a folder of manifests, or a recipe.")],
    overrides: Overrides = None,
    root: Root = None,
    plot: Annotated[Path | None, typer.Option(metavar="FILE", help="Draw durations by split into this PNG.")] = None,
    as_json: Json = False,
) -> None:
    """Look for what is wrong with data, or odd.

    Listens to every cut. Each finding names the cut, the reason and what to do; the exit code is 4 if something must be
    mended before training or scoring. Changes (KEY=VALUE) are for recipes.
    """
    from crnn_audio.inference.doctor import check, draw_durations, lines
    from crnn_audio.training.display import Preparing

    with Preparing() as progress:
        diagnosis = check(target, overrides or (), root=root, progress=progress)
    print(json.dumps(diagnosis.as_json(), ensure_ascii=False) if as_json else "\n".join(lines(diagnosis)))
    if plot:
        draw_durations(diagnosis, plot)
        say(f"Durations are drawn in {plot}.")
    if not diagnosis.usable:
        raise typer.Exit(DataError.exit_code)


@app.command()
def train(
    recipe: RecipeArgument,
    overrides: Overrides = None,
    out: Annotated[Path | None, typer.Option(help="The run directory to make or go on with.")] = None,
    minutes: Annotated[
        float | None, typer.Option(min=0, help="Stop cleanly after that long; the same call goes on.")
    ] = None,
) -> None:
    """Train a recipe, or go on with an unfinished run.

    Ctrl-C stops after the current step and saves; the same command goes on, to the same bits.
    """
    from crnn_audio.config import load

    with _told_once():
        path = load.find(recipe)
        resolved = load.load(path, overrides or [])
    out = out or Path("runs") / f"{path.parent.name}-{path.stem}"
    from crnn_audio.training.run import train

    trained = train(resolved, out, minutes=minutes, recipe_path=str(path))
    if trained.leads:
        _tell_how_it_ended(trained, ["train", str(path), "--out", str(out), *(overrides or [])])
    if trained.interrupted:
        raise typer.Exit(130)


@contextmanager
def _told_once() -> Iterator[None]:
    """Of the processes that torchrun starts with the same words, the first of each machine tells what is wrong."""
    try:
        yield
    except CrnnAudioError as error:
        if "TORCHELASTIC_RUN_ID" in os.environ and os.environ.get("LOCAL_RANK") != "0":
            raise typer.Exit(error.exit_code) from None
        raise


def _tell_how_it_ended(trained: Any, words: list[str]) -> None:
    from crnn_audio.metrics.scores import worded

    score = "" if trained.score is None else f", best dev {worded(trained.metric, trained.score)}"
    done = f"steps {trained.steps}, epochs {trained.epochs}, {_duration(trained.train_seconds)} of training{score}"
    if trained.finished:
        print(f"{trained.path}: finished ({done}).")
        return
    several = ["torchrun", "--standalone", "--nproc-per-node", str(trained.processes), "-m", "crnn_audio"]
    again = shlex.join([*(several if trained.processes > 1 else ["crnn-audio"]), *words])
    say(f"{trained.path}: stopped and saved ({done}). The same command goes on:\n  {again}")


@app.command()
def evaluate(
    model: ModelArgument,
    split: Annotated[str, typer.Option(help="train, dev or test.")] = "test",
    root: Root = None,
    weights: Annotated[Weights, typer.Option(help="The best on dev, or those at the end of training.")] = Weights.best,
    worst: Annotated[int, typer.Option(min=0, help="How many of the worst utterances to show.")] = 5,
    noise: Annotated[Path | None, typer.Option(metavar="DIR", help="Add these recordings as noise, at --snr.")] = None,
    snr: Annotated[float, typer.Option(help="Speech over noise, in decibels.")] = 10.0,
    rooms: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Put each utterance into one of these impulse responses.")
    ] = None,
    record: Annotated[bool, typer.Option(help="Write the score into results.json beside the recipe.")] = False,
    as_json: Json = False,
    device: Device = "auto",
) -> None:
    """Measure error rates on a split of the corpus.

    Word and character error rate with counts and a 95 % interval, and the worst utterances side by side.
    """
    from crnn_audio.inference.evaluate import evaluate, lines
    from crnn_audio.inference.load import load
    from crnn_audio.inference.results import record as write
    from crnn_audio.inference.results import recordable
    from crnn_audio.training.display import Preparing

    opened = load(model, device=device, weights=weights)
    distortion = _conditions(noise, snr, rooms, opened.run.speech.features.sample_rate) if noise or rooms else None
    if record:
        if distortion:
            say("--record is for scores of the sound as it is; leave --noise and --rooms away.")
            raise typer.Exit(2)
        recordable(opened)
    with Preparing() as progress:
        found = evaluate(opened, split, root=root, distortion=distortion, progress=progress)
    if as_json:
        print(json.dumps(found.as_json()))
    else:
        print("\n".join(lines(found, model, worst)))
    if record:
        command = f"crnn-audio evaluate {model} --split {split} --weights {weights.value}"
        say(f"Recorded in {write(opened, found, command)}.")


def _conditions(noise: Path | None, snr: float, rooms: Path | None, sample_rate: int) -> Any:
    from crnn_audio.corpora import home
    from crnn_audio.features.distort import Distortion

    return Distortion(
        sample_rate,
        noise_share=1.0 if noise else 0.0,
        snr_db=(snr, snr),
        noises=home.sounds(noise, sample_rate) if noise else (),
        room_share=1.0 if rooms else 0.0,
        responses=home.sounds(rooms, sample_rate) if rooms else (),
    )


@app.command()
def publish(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(help="The new folder; its name is the model's.")],
    root: Root = None,
    weights: Annotated[Weights, typer.Option(help="The best on dev, or those at the end of training.")] = Weights.best,
) -> None:
    """Copy a finished run, small, to ship it.

    Half-precision weights and no training state; the copy is scored, and a model card written into it.
    """
    from crnn_audio.inference.publish import publish
    from crnn_audio.training.display import Preparing

    with Preparing() as progress:
        published = publish(model, out, root=root, weights=weights, progress=progress)
    for one in published.scores:
        print(f"{out} on {one.corpus} {one.split}: WER {100 * one.wer:.2f} %, CER {100 * one.cer:.2f} %")
    say(f"{out}: {published.num_bytes / 1e6:.1f} MB. Its model card is {out / 'README.md'}.")


@app.command()
def transcribe(
    model: ModelArgument,
    files: Annotated[
        list[str], typer.Argument(metavar="FILE", help="Audio files, or folders of them; - is standard input.")
    ],
    forms: Annotated[
        list[Format] | None, typer.Option("--format", help="How to write it; with --out, repeat it for several.")
    ] = None,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Write a file for each recording and format below this folder.")
    ] = None,
    plot: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Draw each recording, what was heard and how surely, as a PNG.")
    ] = None,
    overwrite: Annotated[bool, typer.Option("--overwrite", help="Also do what an earlier call has done.")] = False,
    weights: Annotated[Weights, typer.Option(help="The best on dev, or those at the end of training.")] = Weights.best,
    device: Device = "auto",
) -> None:
    """Write down what is said in audio files.

    With several files each line of text begins with the file's name. A file that cannot be read is named on standard
    error, the rest go on, and the exit code is 4. Of one that was cut short or damaged, what is there is transcribed,
    and the loss named. With --out, a recording whose results are there and no older than itself is done; stop at any
    time, and the same call does the rest.
    """
    from crnn_audio.inference import outputs, transcripts

    wanted = outputs.Outputs(tuple(form.value for form in dict.fromkeys(forms or [Format.text])), out, plot)
    if wrong := outputs.misuse(wanted, overwrite):
        say(wrong)
        raise typer.Exit(2)
    plan = outputs.plan(files, wanted, overwrite=overwrite)
    if wrong := outputs.clash(plan, wanted):
        say(wrong)
        raise typer.Exit(2)
    if transcripts.run(plan, wanted, lambda: _loaded(model, device, weights), say, sys.stdout):
        raise typer.Exit(DataError.exit_code)


@app.command()
def stream(
    model: ModelArgument,
    source: Annotated[str, typer.Argument(metavar="FILE|-", help="A file, or 16-bit WAV or PCM on stdin.")] = "-",
    rate: Annotated[int, typer.Option(min=1, help="Samples per second of headerless PCM on stdin.")] = 16000,
    seconds: Annotated[float, typer.Option(min=0.001, help="Length of the blocks that are read.")] = 0.32,
    as_json: Json = False,
    device: Device = "auto",
) -> None:
    """Transcribe sound as it arrives.

    Text grows on a terminal; a line for each finished utterance goes to a pipe.
    """
    from crnn_audio import audio
    from crnn_audio.inference.live import show

    recognizer = _loaded(model, device)
    losses = list[audio.Loss]()
    blocks = audio.blocks(source, seconds, raw_rate=rate, on_loss=losses.append)
    with recognizer.stream(blocks.sample_rate) as opened:
        show(opened, blocks, sys.stdout, as_json=as_json)
    for loss in losses:
        say(str(loss))


def _loaded(model: str, device: str, weights: str = "best") -> Any:
    from crnn_audio.inference.load import load_recognizer

    recognizer = load_recognizer(model, device=device, weights=weights)
    if not recognizer.run.finished:
        say(f"{model}: this run is not finished; these are its best weights so far.")
    return recognizer


def _duration(seconds: float) -> str:
    return f"{seconds:.0f} s" if seconds < 120 else f"{seconds / 60:.1f} minutes"


def main() -> None:
    """Runs the command line: every error a person can act on is one message and an exit code."""
    sys.stdout.reconfigure(errors="backslashreplace")  # type: ignore[union-attr]  # names of files may be any bytes
    try:
        try:
            app()
        finally:
            _flush()  # here, where a closed pipe can still be caught
    except CrnnAudioError as error:
        say(str(error))
        sys.exit(error.exit_code)
    except SystemExit as ending:
        sys.exit(0 if isinstance(ending.__context__, BrokenPipeError) else ending.code)  # typer ends it with 1
    except BrokenPipeError:
        _close_stdout()
        sys.exit(0)


def _flush() -> None:
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        raise
    except OSError as error:  # whatever was the matter before, this is why
        _close_stdout()
        raise DataError(f"standard output cannot be written ({error.strerror}).") from None


def _close_stdout() -> None:
    """What is still to be written goes nowhere."""
    os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
