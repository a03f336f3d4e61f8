"""`prepare folder`, `doctor` and `train` one after the other, as a person with a folder of recordings calls them."""

import json
import shlex
import shutil
from pathlib import Path

import pytest

from crnn_audio.batching import manifests

QUICK = [
    "task.intermediate=0",
    "optim.max_epochs=1",
    "model.recurrent.hidden_size=8",
    "model.recurrent.num_layers=1",
    "data.workers=0",
]


@pytest.fixture
def mine(tiny: Path, tmp_path: Path) -> Path:
    """A folder of recordings with a text beside each, and a name that needs quotes."""
    folder = tmp_path / "my recordings"
    folder.mkdir()
    for split in ("train", "dev", "test"):
        for cut in manifests.load(tiny / f"{split}.jsonl"):
            shutil.copy(cut.recording.path, folder / f"{cut.id}.flac")
            (folder / f"{cut.id}.txt").write_text(cut.text + "\n")
    return folder


def test_from_a_folder_to_a_model_by_the_commands_that_are_printed(cli, mine: Path, tmp_path: Path) -> None:
    done = cli("prepare", "folder", "my recordings", cwd=tmp_path)
    lines = done.stdout.splitlines()
    assert [line.split()[0] for line in lines] == ["train", "dev", "test"]
    assert sum(int(line.split()[1]) for line in lines) == 24
    assert "Split by a hash of each cut's id (no speaker is known)" in done.stderr
    look, learn = (shlex.split(line) for line in done.stderr.splitlines()[-2:])
    assert look == ["crnn-audio", "doctor", "data/own/my recordings"]
    found = cli(*look[1:], cwd=tmp_path)
    assert found.stdout.splitlines()[-1].startswith("data/own/my recordings: usable (0 errors, ")
    assert learn[:4] == ["crnn-audio", "train", "an4/bilstm", "data.corpus=manifests"]
    cli(*learn[1:], *QUICK, cwd=tmp_path)
    assert (tmp_path / learn[-1] / "best.safetensors").exists()


def test_prepared_as_json_with_manifests_elsewhere(cli, mine: Path, tmp_path: Path) -> None:
    done = cli("prepare", "folder", mine, "--out", "here", "--json", cwd=tmp_path)
    rows = [json.loads(line) for line in done.stdout.splitlines()]
    assert [row["split"] for row in rows] == ["train", "dev", "test"]
    assert [row["cuts"] for row in rows] == [
        len(manifests.load(tmp_path / "here" / f"{row['split']}.jsonl")) for row in rows
    ]


def test_problems_are_exit_code_4_and_may_be_left_out(cli, mine: Path, tmp_path: Path) -> None:
    (mine / "dev-0001.txt").unlink()
    (mine / "train-0002.flac").write_bytes(b"")
    done = cli("prepare", "folder", mine, cwd=tmp_path, exit_code=4)
    assert done.stdout == ""
    assert done.stderr.splitlines() == [
        f"{mine}: 2 problems",
        f"  {mine}/dev-0001.flac: no text. Write what is said in it into dev-0001.txt beside it.",
        f"  {mine}/train-0002.flac: {mine}/train-0002.flac: empty (0 bytes).",
        "Correct them, or add --leave-out to go on without what they name. Nothing was written.",
    ]
    assert not (tmp_path / "data" / "own").exists()
    done = cli("prepare", "folder", mine, "--leave-out", cwd=tmp_path)
    assert "Left out 2:" in done.stderr
    assert sum(int(line.split()[1]) for line in done.stdout.splitlines()) == 22


def test_cuts_too_short_for_their_texts_are_noted_and_may_be_left_out(cli, mine: Path, tmp_path: Path) -> None:
    (mine / "train-0003.txt").write_text("one two three " * 20)
    done = cli("prepare", "folder", mine, "--out", "all", cwd=tmp_path)
    assert "1 cut is too short to be trained on; --leave-out leaves such cuts out. " in done.stderr
    assert sum(int(line.split()[1]) for line in done.stdout.splitlines()) == 24
    done = cli("prepare", "folder", mine, "--out", "feasible", "--leave-out", cwd=tmp_path)
    assert f"Left out 1:\n{mine}/train-0003.flac: 279 tokens with " in done.stderr
    assert sum(int(line.split()[1]) for line in done.stdout.splitlines()) == 23
    done = cli("prepare", "folder", "all", "--out", "again", "--leave-out", cwd=tmp_path)
    assert "Left out 1:\n" in done.stderr, "of manifests too"
    for path in mine.glob("*.flac"):
        path.write_bytes(b"")
    done = cli("prepare", "folder", mine, "--out", "none", "--leave-out", cwd=tmp_path, exit_code=4)
    assert done.stderr.endswith("Not one recording can be used. Nothing was written.\n")


def test_a_known_corpus_becomes_manifests_too(cli, tiny: Path, tmp_path: Path) -> None:
    cli("prepare", "spoken_digits", "--root", tiny, "--out", "digits", cwd=tmp_path)
    for split in ("train", "dev", "test"):
        copied = [(cut.id, cut.text) for cut in manifests.load(tmp_path / "digits" / f"{split}.jsonl")]
        assert copied == [(cut.id, cut.text) for cut in manifests.load(tiny / f"{split}.jsonl")]


def test_doctor_of_a_recipe_as_json_with_a_picture(cli, workshop: Path, tiny: Path, tmp_path: Path) -> None:
    arguments = [workshop / "recipes/tiny/lstm.yaml", f"data.root={tiny}", "--json", "--plot", "seconds.png"]
    done = cli("doctor", *arguments, cwd=tmp_path)
    diagnosis = json.loads(done.stdout)
    assert diagnosis["usable"] is True
    assert [split["cuts"] for split in diagnosis["splits"]] == [16, 4, 4]
    assert (tmp_path / "seconds.png").read_bytes().startswith(b"\x89PNG")
    assert done.stderr.endswith("Durations are plotted in seconds.png.\n")


def test_doctor_ends_with_4_where_something_must_be_fixed(cli, tiny: Path, tmp_path: Path) -> None:
    shutil.copytree(tiny, tmp_path / "corpus")
    shutil.copy(tmp_path / "corpus/train/train-0003.flac", tmp_path / "corpus/test/test-0001.flac")
    cuts = [cut for cut in manifests.load(tmp_path / "corpus/train.jsonl") if cut.id == "train-0003"]
    others = [cut for cut in manifests.load(tmp_path / "corpus/test.jsonl") if cut.id != "test-0001"]
    (tmp_path / "corpus/dev/dev-0002.flac").unlink()
    moved = manifests.whole(
        manifests.Recording("test-0001", tmp_path / "corpus/test/test-0001.flac", 16000, cuts[0].recording.num_samples),
        cuts[0].text,
    )
    manifests.save([*others, moved], tmp_path / "corpus/test.jsonl")
    done = cli("doctor", "corpus", cwd=tmp_path, exit_code=4)
    assert "Errors:" in done.stdout
    assert "  dev, cut 'dev-0002': corpus/dev/dev-0002.flac: no such file" in done.stdout
    assert "  test, cut 'test-0001': the same audio as cut 'train-0003' of train. Keep one of them." in done.stdout
    assert done.stdout.splitlines()[-1].startswith("corpus: not usable as it is (2 errors, ")
    assert "no such recipe" in cli("doctor", "nowhere", cwd=tmp_path, exit_code=3).stderr
