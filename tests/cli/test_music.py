"""Music from the command line: a composer trained, evaluated, asked for pieces; bad asks are one message."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import mido
import pytest

from crnn_audio.corpora import chorales
from crnn_audio.symbolic import chorale_tokens, files
from crnn_audio.symbolic.score import Part, Score
from tests import events as made
from tests.cli.conftest import Here, program

RECIPE = "# Four voices. Not measured yet.\n" + json.dumps(
    made.SMALL["chorale"]
    | {
        "data": {"corpus": "chorales", "representation": "chorale", "batch_size": 8, "transpose": 1},
        "optim": {"lr": 1e-2, "max_epochs": 2},
        "generation": {"attempts": 2},
        "device": "cpu",
        "threads": 1,
    }
)


@pytest.fixture(scope="module")
def workshop(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A working directory with a recipe, made-up chorales in data/, and `run`, trained on them."""
    folder = tmp_path_factory.mktemp("music")
    (folder / "recipes" / "chorales").mkdir(parents=True)
    (folder / "recipes" / "chorales" / "small.yaml").write_text(RECIPE, encoding="utf-8")
    made.folder(folder / "data" / "chorales", "chorale")
    done = program("train", "recipes/chorales/small.yaml", "--out", "run", cwd=folder)
    facts = json.loads((folder / "run" / "run.json").read_text())
    assert done.stdout.endswith(f"best dev {facts['best_dev']:.3f} nats a note).\n")
    assert (folder / "run" / "samples" / "epoch-002.mid").exists()
    assert (folder / "run" / "samples" / "epoch-002.png").exists()
    return folder


@pytest.fixture
def tree(workshop: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A copy that may be written to, and that we are in."""
    monkeypatch.chdir(shutil.copytree(workshop, tmp_path / "tree"))
    monkeypatch.delenv("CRNN_AUDIO_DATA", raising=False)
    return Path.cwd()


def generate(here: Here, *options: object) -> list[dict[str, object]]:
    done = here("generate", "run", "--out", "tunes", "--json", *options)
    return [json.loads(line) for line in done.stdout.splitlines()]


def test_prepare_reads_and_counts_the_pieces(tree: Path, here: Here) -> None:
    found = chorales.read_splits(tree / "data" / "chorales")
    done = here("prepare", "chorales", "--json")
    assert [json.loads(line) for line in done.stdout.splitlines()] == [
        {"split": split, "pieces": len(tunes), "notes": sum(len(tune.score.notes) for tune in tunes)}
        for split, tunes in found.items()
    ]
    assert done.stderr == "chorales lies in data/chorales.\n"
    here("prepare", "chorales", "--root", "nowhere", exit_code=4)
    done = here("doctor", "recipes/chorales/small.yaml", exit_code=3)
    assert "doctor checks recordings of speech alone. For scores, piano rolls" in done.stderr
    assert "`crnn-audio prepare chorales`" in done.stderr


def test_pieces_pictures_and_a_line_each(tree: Path, here: Here) -> None:
    lines = generate(here, "--num", 2, "--bars", 2, "--seed", 7)
    assert [line["seed"] for line in lines] == [7, 8]
    assert [line["path"] for line in lines] == ["tunes/run-7.mid", "tunes/run-8.mid"]
    assert (tree / "tunes" / "run-8.png").stat().st_size > 5_000
    listed = [json.loads(line) for line in (tree / "tunes" / "pieces.jsonl").read_text().splitlines()]
    assert [{name: line[name] for name in lines[0]} for line in listed] == lines
    assert [line["files"] for line in listed] == [["run-7.mid", "run-7.png"], ["run-8.mid", "run-8.png"]]
    score = files.load(tree / "tunes" / "run-7.mid").score
    assert len(score.parts) == 4
    assert len(score.notes) == lines[0]["notes"]
    assert score.end == lines[0]["quarters"]

    again = generate(here, "--bars", 2, "--seed", 8)
    assert again == lines[1:]
    assert len((tree / "tunes" / "pieces.jsonl").read_text().splitlines()) == 2, "the same piece stands there once"


def test_a_kept_soprano_and_an_opening_from_files(tree: Path, here: Here) -> None:
    piece = made.chorale(50)
    files.save(Score(piece.parts[:1], time_signatures=piece.time_signatures), tree / "melody.mid")
    files.save(piece, tree / "opening.mid")
    (line,) = generate(here, "--keep", "soprano=melody.mid")
    assert files.load(tree / str(line["path"])).score.parts[0].notes == piece.parts[0].notes
    (line,) = generate(here, "--primer", "opening.mid", "--bars", 4, "--seed", 3)
    opened = files.load(tree / str(line["path"])).score
    assert [note for note in opened.notes if note.start < 6] == [note for note in piece.notes if note.start < 6]


def test_abc_and_sound(tree: Path, here: Here) -> None:
    here("generate", "run", "--out", "tunes", "--bars", 1, "--format", "abc", "--wav")
    assert (tree / "tunes" / "run-0.abc").read_text().startswith("X:")
    assert (tree / "tunes" / "run-0.wav").stat().st_size > 100_000


def test_tempo_instruments_and_the_continuation_alone(tree: Path, here: Here) -> None:
    asked = ["--primer", "C5+E4+G3+C3 D5+F4+G3+B2", "--bars", 2, "--tempo", 66, "--instruments", "flute, choir"]
    (whole,) = generate(here, *asked)
    (rest,) = generate(here, *asked, "--continuation-only", "--mechanical", "--seed", 1)
    scores = [files.load(tree / str(line["path"])).score for line in (whole, rest)]
    assert [score.tempo for score in scores] == [66, 66]
    assert [part.program for part in scores[0].parts] == [73, 52, 52, 52]
    assert scores[1].end == scores[0].end - 2
    velocities = [
        {one.velocity for one in mido.MidiFile(tree / str(line["path"])) if one.type == "note_on"}
        for line in (whole, rest)
    ]
    assert len(velocities[0]) > 3
    assert velocities[1] == {80}
    assert {"attempt", "lapses", "form"} <= whole.keys()
    again = here("generate", "run", "--out", "tunes", "--seed", 1, *asked, "--continuation-only", exit_code=4)
    assert "was generated with mechanical True and not unset" in again.stderr
    unguided = here("generate", "run", "--out", "others", "--bars", 1, "--unguided", "--attempts", 1, "--json")
    assert json.loads(unguided.stdout)["attempt"] == 0
    wrong = here("generate", "run", "--out", "third", "--instruments", "flut", exit_code=4)
    assert "Did you mean 'flute'?" in wrong.stderr


def test_files_of_the_same_settings_alone_are_replaced(tree: Path, here: Here) -> None:
    settings = ["--bars", 1, "--seed", 5, "--temperature", 0.5, "--primer", "C5+E4+G3+C3"]
    first = generate(here, *settings)
    before = {path.name: path.read_bytes() for path in (tree / "tunes").iterdir()}
    done = here("generate", "run", "--out", tree / "tunes", "--json", *settings)  # the same folder, spelled otherwise
    assert json.loads(done.stdout)["nats"] == first[0]["nats"]
    assert len((tree / "tunes" / "pieces.jsonl").read_text().splitlines()) == 1
    for others, said in (
        ([*settings, "--temperature", 0.6], "generated with temperature 0.5 and not 0.6"),
        ([*settings, "--bars", 2], "generated with bars 1 and not 2"),
        (settings[:-2], "generated with primer C5+E4+G3+C3 and not unset"),
        ([*settings[:-1], "C5", "--format", "abc"], "run-5.png: exists, and was generated with primer"),
    ):
        done = here("generate", "run", "--out", "tunes", *others, exit_code=4)
        assert said in done.stderr
    assert {name: (tree / "tunes" / name).read_bytes() for name in before if name != "pieces.jsonl"} == {
        name: content for name, content in before.items() if name != "pieces.jsonl"
    }


@pytest.mark.parametrize("name", ["run-0.png", "run-0.wav"])
def test_pictures_and_sounds_of_others_are_not_replaced(tree: Path, here: Here, name: str) -> None:
    (tree / "tunes").mkdir()
    (tree / "tunes" / name).write_text("mine")
    done = here("generate", "run", "--out", "tunes", "--bars", 1, "--wav", exit_code=4)
    assert f"tunes/{name}: exists and was not generated here" in done.stderr
    assert [path.name for path in (tree / "tunes").iterdir()] == [name]


def test_sound_on_a_full_disk_is_one_message(tree: Path, tmp_path: Path) -> None:
    content = "import resource; resource.setrlimit(resource.RLIMIT_FSIZE, (100_000, 100_000))\n"
    content += "from crnn_audio.cli import main; main()"
    command = [sys.executable, "-c", content, "generate", "run", "--out", "tunes", "--bars", "2", "--wav"]
    done = subprocess.run(command, cwd=tree, capture_output=True, text=True, check=False, timeout=120)
    assert done.returncode == 4
    assert done.stderr.endswith(
        "tunes/run-0.wav: cannot be written (File too large). Name another folder, or make room.\n"
    )
    assert "Traceback" not in done.stderr
    assert sorted(path.name for path in (tree / "tunes").iterdir()) == ["pieces.jsonl", "run-0.mid", "run-0.png"]


def test_a_primer_from_a_pipe_is_refused(tree: Path, here: Here) -> None:
    os.mkfifo(tree / "pipe.mid")
    done = here("generate", "run", "--out", "tunes", "--primer", "pipe.mid", exit_code=4)
    assert "pipe.mid: cannot be read (a pipe or a device, where a file is expected)" in done.stderr


def test_notes_longer_than_a_file_name_are_no_file(tree: Path, here: Here) -> None:
    notes = " ".join(["C4 E4"] * 60)
    (line,) = generate(here, "--primer", notes, "--bars", 31)
    assert line["quarters"] > 120
    assert "nats a note" in here("score", "run", notes).stdout


def test_what_is_printed_for_people(tree: Path) -> None:
    done = program("generate", "run", "--out", "tunes", "--bars", 2, cwd=tree)
    assert done.stdout.startswith("tunes/run-0.mid: ")
    assert " notes, " in done.stdout
    assert done.stdout.endswith(" nats a note, seed 0\n")


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["--primer", "empty.mid"], "empty.mid: the file is empty."),
        (["--primer", "broken.mid"], "broken.mid: "),
        (["--primer", "broken.abc"], "broken.abc: "),
        (["--primer", ""], "holds no notes"),
        (
            ["--condition", "mood=sad"],
            "knows no 'mood'. Its conditions are: bars, close, key, metre, pickup.",
        ),
        (["--condition", "key=H"], "no such key. This model knows Ab, F#, G."),
        (["--condition", "key"], "should be a name and a value"),
        (["--condition", "key=G", "--condition", "key=G"], "key is given twice"),
        (["--temperature", "-1"], "temperature should be 0 (always the likeliest) or above (found -1)."),
        (["--top-p", "0"], "top_p should be above 0"),
        (["--keep", "soprano=many.mid"], "4 parts with notes, none of which is named soprano"),
        (["--keep", "tenor=missing.mid"], "missing.mid: cannot be read"),
        (["--format", "gif"], "there are mid, abc, musicxml, json"),
    ],
)
def test_bad_asks_are_one_message(tree: Path, here: Here, options: list[str], message: str) -> None:
    (tree / "empty.mid").write_bytes(b"")
    (tree / "broken.mid").write_bytes(b"MThd\x00\x00\x00\x06\x00\x01")
    (tree / "broken.abc").write_text("X:1\nK:G\n")
    piece = made.chorale(5)
    named = Score(tuple(Part(f"part {number}", part.notes) for number, part in enumerate(piece.parts)))
    files.save(named, tree / "many.mid")
    done = here("generate", "run", "--out", "tunes", *options, exit_code=4)
    assert message in done.stderr
    assert done.stderr.count("\n") == 1
    assert not list(tree.glob("tunes/*.mid"))


def test_another_file_is_never_replaced(tree: Path, here: Here) -> None:
    (tree / "tunes").mkdir()
    (tree / "tunes" / "run-0.mid").write_text("mine")
    done = here("generate", "run", "--out", "tunes", exit_code=4)
    assert "tunes/run-0.mid: exists and was not generated here" in done.stderr
    assert (tree / "tunes" / "run-0.mid").read_text() == "mine"


def test_a_recogniser_writes_no_music(here: Here) -> None:
    done = here("generate", "an4", "--out", "tunes", exit_code=5)
    assert "a model for task recognition, where one for music or text is needed" in done.stderr


def test_a_piece_is_scored(tree: Path, here: Here) -> None:
    files.save(made.chorale(50), tree / "piece.mid")
    found = json.loads(here("score", "run", "piece.mid", "--json").stdout)
    assert list(found) == ["nats_per_note", "notes", "columns"]
    assert list(found["columns"]) == list(chorale_tokens.COLUMNS)
    assert sum(found["columns"].values()) / found["notes"] == pytest.approx(found["nats_per_note"])
    assert here("score", "run", "piece.mid").stdout.splitlines() == [
        f"run on piece.mid: {found['notes']} notes predicted",
        f"  {found['nats_per_note']:.3f} nats a note",
    ]
    names = here("score", "run", "C3+G3+E4+C5 D3+G3+D4+B4")
    assert names.stdout.startswith("run: 32 notes predicted\n")
    assert "shared out among four voices" in names.stderr


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("missing.mid", "missing.mid: cannot be read"),
        ("broken.mid", "broken.mid: "),
        ("H4", "note 'H4': should be a letter"),
        ("", "holds no notes"),
    ],
)
def test_what_cannot_be_scored_is_one_message(tree: Path, here: Here, given: str, message: str) -> None:
    (tree / "broken.mid").write_bytes(b"MThd\x00\x00\x00\x06\x00\x01")
    done = here("score", "run", given, exit_code=4)
    assert (done.stdout, done.stderr.count("\n")) == ("", 1)
    assert message in done.stderr


def test_a_folder_for_the_pieces_is_needed(here: Here) -> None:
    done = here("generate", "run", exit_code=2)
    assert done.stderr == "Missing option '--out', the folder of the generated files.\n"


def test_evaluated_beside_the_corpus(here: Here) -> None:
    found = json.loads(here("evaluate", "run", "--split", "dev", "--json").stdout)
    assert found["nats_per_note"] > 0
    assert found["comparison"]["generated"]["rates"].keys() == found["comparison"]["corpus"]["rates"].keys()
    printed = here("evaluate", "run", "--split", "dev").stdout
    assert f"{found['nats_per_note']:.3f} nats a note" in printed
    assert "parallel fifths per 100 chord changes" in printed


def test_shown(here: Here) -> None:
    assert "parameters" in here("show", "recipes/chorales/small.yaml").stdout


def test_a_folder_of_files_is_trained_on_and_bad_ones_are_named(tree: Path, here: Here) -> None:
    (tree / "mine" / "more").mkdir(parents=True)
    for seed in range(12):
        files.save(made.melody(seed, 3, f"tune {seed}"), tree / "mine" / "more" / f"{seed}.{('mid', 'abc')[seed % 2]}")
    files.save(made.chorale(99), tree / "mine" / "more" / "four.mid")
    (tree / "mine" / "broken.mid").write_bytes(b"MThd rubbish")
    (tree / "mine.yaml").write_text(
        "task: {kind: music}\ndata: {corpus: midi_folder, root: mine, batch_size: 4, transpose: 0}\n"
        "model: {embedding_size: 4, head_size: 8, recurrent: {bidirectional: false, hidden_size: 8, num_layers: 1}}\n"
        "optim: {max_epochs: 1}\ndevice: cpu\nthreads: 1\n",
        encoding="utf-8",
    )
    assert "1 of 13 pieces were changed" in here("prepare", "midi_folder", "--root", "mine").stderr
    done = here("train", "mine.yaml", "--out", "own")
    assert "own: finished" in done.stdout
    assert "mine: broken.mid: " in done.stderr
    changed = (
        "mine: 1 of 13 pieces were changed to fit: 1 as more/four.mid: of 4 parts soprano is taken, by its name.\n"
    )
    assert changed in done.stderr
    (line,) = [
        json.loads(one) for one in here("generate", "own", "--out", "x", "--bars", 2, "--json").stdout.splitlines()
    ]
    assert line["quarters"] == 8
    shutil.rmtree(tree / "mine" / "more")
    assert "cannot be used" in here("train", "mine.yaml", "--out", "two", exit_code=4).stderr


def test_published_with_a_card(tree: Path, here: Here) -> None:
    done = here("publish", "run", "--out", "small")
    assert " nats a note" in done.stdout
    card = (tree / "small" / "README.md").read_text(encoding="utf-8")
    assert "Generates four voices on the sixteenth" in card
    assert "- `key`: Ab, F#, G" in card
    assert "crnn-audio generate small --num 3 --out small-tunes" in card
    assert [
        json.loads(one)["seed"]
        for one in here("generate", "small", "--out", "y", "--bars", 1, "--json").stdout.splitlines()
    ] == [0]
    facts = json.loads((tree / "small" / "run.json").read_text())
    assert {score["split"] for score in facts["scores"]} <= {"dev", "test"}
