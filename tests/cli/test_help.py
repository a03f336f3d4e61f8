"""Help and mistakes answer at once, without torch, and a closed pipe or a wrong word is no traceback."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
VERBS = (
    "recipes show prepare doctor train evaluate publish transcribe stream understand align tune classify label "
    "translate generate score next ngram export serve"
).split()
HEAVY = {"torch", "torchaudio", "librosa", "soxr", "soundfile", "matplotlib", "scipy", "jiwer", "safetensors"}


def imported(*arguments: str, exit_code: int) -> set[str]:
    """The top-level modules that a call of the program imports."""
    command = [sys.executable, "-X", "importtime", "-m", "crnn_audio", *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=60)
    assert done.returncode == exit_code
    lines = [line for line in done.stderr.splitlines() if line.startswith("import time:")]
    return {line.rsplit("|", 1)[1].strip().split(".")[0] for line in lines}


@pytest.mark.parametrize(
    ("arguments", "exit_code"),
    [
        (["--help"], 0),
        (["transcribe", "--help"], 0),
        (["ngram", "--help"], 0),
        (["recipes"], 0),
        (["show", "--json-schema"], 0),
        (["show", "tiny/lstm", "sead=1"], 3),
        (["train", "tiny/lstn"], 3),
        (["frobnicate"], 2),
    ],
)
def test_what_needs_no_torch_imports_none(arguments: list[str], exit_code: int) -> None:
    modules = imported(*arguments, exit_code=exit_code)
    assert "typer" in modules
    assert not modules & HEAVY


def test_help_answers_in_half_a_second() -> None:
    took = []
    for _ in range(12):  # the best of several: other processes may hold the machine
        started = time.perf_counter()
        subprocess.run([sys.executable, "-m", "crnn_audio", "--help"], cwd=ROOT, capture_output=True, check=True)
        took.append(time.perf_counter() - started)
        if took[-1] < 0.5:
            return
    pytest.fail(f"the quickest of {len(took)} took {min(took):.2f} s")


def test_help_names_every_verb_and_its_help_every_argument(cli) -> None:
    text = cli("--help").stdout
    assert [line.split()[0] for line in text.split("Commands:")[1].splitlines() if line.strip()] == VERBS
    below_usage = text.splitlines()[1:]
    assert [line for line in below_usage if line.rstrip().endswith(("...", "…"))] == [], "a sentence is cut off"
    for verb in VERBS[1:]:
        assert "Usage:" in cli(verb, "--help").stdout
    assert cli("--help").stderr == ""


@pytest.mark.parametrize(
    ("verb", "usage"),
    [
        ("train", "{RECIPE} [KEY=VALUE]..."),
        ("show", "[RECIPE] [KEY=VALUE]..."),
        ("prepare", "{CORPUS} [PATH]"),
        ("doctor", "{TARGET} [KEY=VALUE]..."),
        ("transcribe", "{MODEL} {FILE}..."),
        ("stream", "{MODEL} [FILE|-]"),
        ("score", "{MODEL} {FILE|TEXT}"),
        ("next", "{MODEL} [TEXT]"),
    ],
)
def test_usage_names_what_is_given(cli, verb: str, usage: str) -> None:
    said = cli(verb, "--help").stdout.partition("\n")[0]
    assert said.replace("{", "").replace("}", "").endswith(usage.replace("{", "").replace("}", ""))


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["frobnicate"], "No such command 'frobnicate'"),
        (["show", "--frob"], "No such option: --frob"),
        (["show"], "Name a recipe, such as an4/bilstm; `crnn-audio recipes` lists them.\n"),
        (["prepare", "folder"], "Write `prepare folder PATH` for your own recordings, or `prepare CORPUS`"),
        (["prepare", "an4", "data"], "Write `prepare folder PATH` for your own recordings, or `prepare CORPUS`"),
        (["transcribe", "run"], "Missing argument 'FILE'"),
        (["transcribe", "run", "a.wav", "--format", "xml"], "'xml' is not one of 'text', 'json', 'jsonl'"),
        (["transcribe", "run", "a.wav", "--format", "srt,"], "'' is not one of 'text', 'json', 'jsonl'"),
        (["train", "tiny/lstm", "--minutes", "soon"], "--minutes"),
        (["train", "tiny/lstm", "--minutes", "-1"], "'--minutes': Input should be greater than or equal to 0"),
        (["publish", "run"], "Missing option '--out'"),
        (["evaluate", "run", "--next", "a"], "No such option: --next"),
        (["publish", "run", "--out", "copy", "--weights", "worst"], "'worst' is not one of 'best', 'last'"),
        (["evaluate", "run", "--worst", "-1"], "'--worst': Input should be greater than or equal to 0"),
        (["train", "tiny/lstm", "--lr", "1"], "No such option"),
        (["stream", "run", "--rate", "0"], "'--rate': Input should be greater than or equal to 1"),
        (["stream", "run", "--seconds", "0"], "'--seconds': Input should be greater than or equal to 0.001"),
        (["stream", "run", "--seconds", "nan"], "'--seconds': Input should be greater than or equal to 0.001"),
    ],
)
def test_wrong_usage_is_exit_code_2(cli, arguments: list[str], said: str) -> None:
    done = cli(*arguments, exit_code=2)
    assert said in done.stderr
    assert done.stdout == ""


@pytest.mark.parametrize(
    "arguments", [["recipes"], ["show", "--json-schema"], ["show", "recipes/tiny/lstm.yaml"], ["--help"]]
)
def test_a_closed_pipe_ends_it_in_silence(start, arguments: list[str]) -> None:
    """As `| head -0` does; small outputs meet the closed pipe only when Python flushes at its end."""
    read, write = os.pipe()
    os.close(read)
    process = start(*arguments, stdout=write)
    os.close(write)
    _, said = process.communicate(timeout=60)
    assert said == ""
    assert process.returncode == 0


def test_head_gets_its_line(start) -> None:
    process = start("show", "--json-schema")
    head = subprocess.run(["head", "-1"], stdin=process.stdout, capture_output=True, text=True, timeout=60)
    process.stdout.close()
    assert head.stdout == "{\n"
    assert process.stderr.read() == ""
    assert process.wait(60) == 0
