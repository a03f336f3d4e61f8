"""Text from the command line: a writer trained, asked for text and for what may come next; bad asks are one message."""

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests import texts as made
from tests import warm
from tests.cli.conftest import Here, environment, program

RECIPE = "# A text. Not measured yet.\n" + json.dumps(
    made.SMALL | {"data": {"corpus": "alice", "batch_size": 4, "bptt": 16}}
)
WORDS = ["task.unit=words", "task.vocabulary_size=15", "data.bptt=8", "optim.max_epochs=1"]


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a recipe, a text in data/, and `run` and `words`, trained on it."""
    folder = tmp_path_factory.mktemp("texts")
    (folder / "recipes" / "alice").mkdir(parents=True)
    (folder / "recipes" / "alice" / "small.yaml").write_text(RECIPE, encoding="utf-8")
    made.file(folder / "data" / "alice" / "alice29.txt", 2000)
    done = program("train", "recipes/alice/small.yaml", "--out", "run", cwd=folder)
    facts = json.loads((folder / "run" / "run.json").read_text())
    assert done.stdout.endswith(f"best dev {facts['best_dev']:.3f} nats a character).\n")
    written = (folder / "run" / "samples" / "epoch-002.txt").read_text(encoding="utf-8")
    assert written.startswith("after '")
    assert len(written.partition("\n")[2]) == 21
    for line in written.rstrip("\n").split("\n"):
        assert f"    {line}" in done.stderr, "what was written is shown too"
    program("train", "recipes/alice/small.yaml", "--out", "words", *WORDS, cwd=folder)
    return folder


@pytest.fixture
def tree(workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that may be written to, and that we are in."""
    monkeypatch.chdir(shutil.copytree(workshop, tmp_path / "tree"))
    monkeypatch.delenv("CRNN_AUDIO_DATA", raising=False)
    return Path.cwd()


def test_prepare_reads_and_counts(here: Here) -> None:
    done = here("prepare", "alice", "--json")
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [(one["split"], one["characters"]) for one in lines] == [("train", 1800), ("dev", 200)]
    assert done.stderr == "alice lies in data/alice.\n"
    assert "`crnn-audio prepare alice`" in here("doctor", "alice", exit_code=3).stderr


def test_text_is_printed_with_its_primer(here: Here) -> None:
    done = here("generate", "run", "--primer", "The cat", "--tokens", 30, "--seed", 4, exit_code=4)
    assert done.stderr == (
        "the primer holds characters that this model does not know: 'T'. It knows "
        f"{''.join(sorted(set(made.text(1800))))!r}.\n"
    )
    done = here("generate", "run", "--primer", "the cat", "--tokens", 30, "--seed", 4)
    assert done.stdout.startswith("the cat")
    assert len(done.stdout) == 7 + 30 + 1
    assert done.stderr == ""
    assert here("generate", "run", "--primer", "the cat", "--tokens", 30, "--seed", 4).stdout == done.stdout
    facts = json.loads(here("generate", "run", "--primer", "the cat", "--tokens", 30, "--seed", 4, "--json").stdout)
    assert facts["text"] + "\n" == done.stdout
    assert facts["tokens"] == 30


def test_several_are_printed_one_after_the_other_or_kept_in_files(tree: Path, here: Here) -> None:
    done = here("generate", "run", "--tokens", 9, "--num", 3, "--seed", 4)
    assert done.stderr == "seed 4:\nseed 5:\nseed 6:\n"
    kept = here("generate", "run", "--tokens", 9, "--num", 3, "--seed", 4, "--out", "kept").stdout.splitlines()
    assert [line.partition(": ")[0] for line in kept] == [f"kept/run-{seed}.txt" for seed in (4, 5, 6)]
    assert "".join((tree / "kept" / f"run-{seed}.txt").read_text() for seed in (4, 5, 6)) == done.stdout
    listed = [json.loads(line) for line in (tree / "kept" / "texts.jsonl").read_text().splitlines()]
    assert [one["seed"] for one in listed] == [4, 5, 6]
    other = here("generate", "run", "--tokens", 5, "--seed", 4, "--out", "kept", exit_code=4).stderr
    assert "kept/run-4.txt: exists, and was generated with tokens 9 and not 5" in other
    here("generate", "run", "--tokens", 9, "--seed", 4, "--out", tree / "kept")
    assert len((tree / "kept" / "texts.jsonl").read_text().splitlines()) == 3, "the same file stands there once"
    (tree / "kept" / "run-9.txt").write_text("mine")
    assert (
        "exists and was not generated here" in here("generate", "run", "--seed", 9, "--out", "kept", exit_code=4).stderr
    )


def test_text_comes_as_it_is_sampled(workshop: Path) -> None:
    command = [*warm.python(), "-m", "crnn_audio", "generate", "run", "--tokens", "900000"]
    pipe = subprocess.PIPE
    process = subprocess.Popen(command, cwd=workshop, env=environment(), stdout=pipe, stderr=pipe, text=True)
    assert len(process.stdout.read(40)) == 40, "long before the last is sampled"
    process.stdout.close()
    assert process.stderr.read() == ""
    assert process.wait(60) == 0


def test_words(here: Here) -> None:
    done = here("generate", "words", "--primer", "The xyzzy", "--tokens", 9)
    assert done.stdout.startswith("the <unk>")
    assert done.stderr == "words of the primer that the model does not know: 'xyzzy'\n"
    scores = json.loads(here("evaluate", "words", "--json").stdout)
    assert scores["nats_per_token"] * scores["tokens"] == pytest.approx(scores["nats_per_character"] * 200)


def test_evaluated(tree: Path, here: Here) -> None:
    done = here("evaluate", "run", "--json")
    found = json.loads(done.stdout)
    assert found["nats_per_character"] == pytest.approx(json.loads((tree / "run" / "run.json").read_text())["best_dev"])
    assert (found["characters"], found["split"], found["unit"]) == (200, "dev", "characters")
    assert "alice has no test split; this is dev" in done.stderr
    assert "no split 'test'" in here("evaluate", "run", "--split", "test", exit_code=4).stderr


def test_a_text_is_scored(tree: Path, here: Here) -> None:
    (tree / "other.txt").write_text("the cat sat", encoding="utf-8")
    found = json.loads(here("score", "run", "other.txt", "--json").stdout)
    assert (found["unit"], found["characters"], found["unknown"]) == ("characters", 11, 0)
    assert json.loads(here("score", "run", "the cat sat", "--json").stdout) == found
    value = f"{found['nats_per_character']:.4f} nats a character, perplexity {found['perplexity']:.2f} a character"
    assert here("score", "run", "other.txt").stdout.splitlines() == [
        "run on other.txt: 11 characters predicted",
        f"  {value}",
    ]
    assert here("score", "run", "the cat sat").stdout.splitlines()[0] == "run: 11 characters predicted"
    *_, unknown = here("score", "words", "the xyzzy").stdout.splitlines()
    assert unknown == "  1 of 2 words are unknown to the model"


def test_what_may_come_next(here: Here) -> None:
    rows = [json.loads(line) for line in here("next", "run", "the c", "--json").stdout.splitlines()]
    assert len(rows) == 10
    chances = [row["probability"] for row in rows]
    assert chances == sorted(chances, reverse=True)
    table = here("next", "run", "the c", "--num", 3).stdout.splitlines()
    assert table[0] == "p( character | the c )"
    assert table[1:] == [f"{row['token']!r}  {row['probability']:.4f}" for row in rows[:3]]
    assert here("next", "run", "--json").stdout.count("\n") == 10, "before any text"
    table = here("next", "words", "the cat").stdout.splitlines()
    assert table[0] == "p( word | the cat )"
    assert len(table) == 11
    assert all(0 <= float(line.split()[1]) <= 1 for line in table[1:])


def test_recorded(tree: Path, here: Here) -> None:
    done = here("evaluate", "run", "--record")
    assert "Recorded in recipes/alice/results.json" in done.stderr
    row, windows = json.loads((tree / "recipes" / "alice" / "results.json").read_text())
    assert windows["metric"] == "nats_per_character_by_window"
    assert (row["metric"], row["head"], row["cell"], row["split"]) == ("nats_per_character", "softmax", "lstm", "dev")
    assert "nats a character" in (tree / "recipes" / "alice" / "small.yaml").read_text().partition("\n")[0]
    assert "## Characters and words" in (tree / "recipes" / "README.md").read_text()


@pytest.mark.parametrize(
    ("words", "exit_code", "message"),
    [
        (["generate", "run", "--bars", "3"], 2, "--bars does not apply to run, which takes --primer, --tokens."),
        (["generate", "run", "--condition", "key=G"], 2, "--condition does not apply to run"),
        (["generate", "run", "--wav"], 2, "--wav does not apply to run"),
        (["generate", "run", "--temperature", "-1"], 4, "temperature should be 0"),
        (["generate", "an4"], 5, "a model for task recognition, where one for music or text is needed"),
        (["next", "an4", "a"], 5, "a model for task recognition, where one for text is needed"),
        (["next", "chorales", "a"], 5, "a model for task music, where one for text is needed"),
        (["score", "an4", "a"], 5, "a model for task recognition, where one for music or text is needed"),
        (
            ["stream", "run", "a.wav"],
            5,
            "a model for task text, where one for recognition, classification or labelling is needed",
        ),
        (
            ["evaluate", "run", "--noise", "x"],
            5,
            "a model for task text, where one for recognition, classification or labelling is needed, whose scores",
        ),
        (["evaluate", "run", "--corpus", "an4"], 3, "data.corpus=an4"),
        (["next", "run", "9"], 4, "characters that this model does not know: '9'"),
        (["next", "run", "a", "--num", "0"], 2, "'--num': Input should be greater than or equal to 1"),
        (["score", "run"], 2, "Missing argument 'FILE|TEXT'"),
        (["score", "run", ""], 4, "an empty text: there are no characters in it to predict"),
        (["score", "run", "missing.txt"], 4, "missing.txt: cannot be read"),
        (["score", "run", "bad.txt"], 4, "bad.txt, line 1: not UTF-8 (byte 3 is 0xff)"),
        (["score", "run", "empty.txt"], 4, "empty.txt: an empty text"),
        (
            ["train", "recipes/alice/small.yaml", "data.context_length=5000", "--out", "x"],
            4,
            "fewer than data.context_length (5000)",
        ),
        (["train", "recipes/alice/small.yaml", "data.bptt=5000", "--out", "x"], 4, "segments of 5000"),
        (["train", "recipes/alice/small.yaml", "task.vocabulary_size=0", "--out", "x"], 3, "at least 1 (found 0)"),
        (
            ["train", "own.yaml", "--out", "x", "data.root=bad.txt"],
            4,
            "bad.txt, line 1: not UTF-8 (byte 3 is 0xff)",
        ),
        (["train", "own.yaml", "--out", "x", "data.root=empty.txt"], 4, "empty.txt: an empty text"),
        (["train", "own.yaml", "--out", "x", "data.root=missing.txt"], 4, "missing.txt: cannot be read"),
    ],
)
def test_bad_asks_are_one_message(tree: Path, here: Here, words: list[str], exit_code: int, message: str) -> None:
    (tree / "bad.txt").write_bytes(b"bad\xff")
    (tree / "empty.txt").write_bytes(b" \n")
    (tree / "own.yaml").write_text("task: {kind: text}\ndata: {corpus: text_file, root: x}\n", encoding="utf-8")
    done = here(*words, exit_code=exit_code)
    assert message in done.stderr
    assert "Traceback" not in done.stderr
    assert done.stdout == ""
    assert not (tree / "x").exists()


def test_published_with_a_card(tree: Path, here: Here) -> None:
    done = here("publish", "run", "--out", "small")
    found = json.loads(here("evaluate", "small", "--json").stdout)
    score, in_windows = found["nats_per_character"], found["nats_per_character_by_window"]
    assert done.stdout == (
        f"small on alice dev: {score:.3f} nats a character, {in_windows:.3f} nats a character in windows\n"
    )
    assert "alice has no test split; the model card has scores on dev alone." in done.stderr
    card = (tree / "small" / "README.md").read_text(encoding="utf-8")
    assert "Generates text by characters: 1 LSTM layers of 12" in card
    assert f"| alice dev | {score:.4f} |" in card
    assert "## Limitations\n\nAnything but text that looks like this one book.\n" in card
    assert here("generate", "small", "--tokens", "5", "--seed", "1").stdout
    assert (tree / "small" / "best.safetensors").stat().st_size < (tree / "run" / "best.safetensors").stat().st_size
    words = here("publish", "words", "--out", "spoken")
    assert "perplexity a word" in (tree / "spoken" / "README.md").read_text(encoding="utf-8"), words.stdout


def test_a_text_of_ones_own_is_trained_on(tree: Path, here: Here) -> None:
    (tree / "own.txt").write_bytes(
        b"\xef\xbb\xbf" + made.text(1500).replace("\n", "\r\n").encode() + "caf\u00e9".encode()
    )
    fields = made.SMALL | {"data": {"corpus": "text_file", "root": "own.txt", "context_length": 4, "batch_size": 256}}
    (tree / "own.yaml").write_text(json.dumps(fields | {"optim": {"max_epochs": 1}}), encoding="utf-8")
    done = here("train", "own.yaml", "--out", "own")
    assert "own: finished" in done.stdout
    assert "dev: 2 characters (1.32% of its text) are not in the vocabulary, such as 'f'." in done.stderr
    assert here("evaluate", "own").stdout.startswith("own on own.txt dev: ")
    assert "parameters" in here("show", "own.yaml").stdout


def test_make_ends_with_a_command_that_uses_the_model(here: Here) -> None:
    root = Path(__file__).resolve().parents[2]
    command = ["make", "-n", "-C", str(root), "train", "RECIPE=recipes/alice/textbook.yaml", "setup="]
    said = subprocess.run(command, capture_output=True, text=True, check=True).stdout.splitlines()
    assert any(line.endswith("evaluate runs/alice-textbook") for line in said)
    (using,) = [line for line in said if line.startswith(".venv/bin/crnn-audio show runs/alice-textbook --usage ")]
    assert "| xargs " in using
    assert here("show", "run", "--usage", "a.wav").stdout == "generate run --tokens 300\n"
