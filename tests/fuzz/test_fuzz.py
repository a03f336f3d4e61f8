"""Whatever a file holds, the program ends soon, with a result or with what is wrong: no traceback, no silent skip.

`make fuzz` tries a thousand cases of each of seven kinds (sounds, scores, texts, recipes, run directories, archives,
out folders), and of the lists of recordings; every other run of the tests the first of each. A case is repeated by
its name: `pytest "tests/fuzz/test_fuzz.py::test_a_damaged_recording[17]"`.
"""

import json
import os
import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import soundfile
import yaml

from tests import trainings
from tests.fuzz import listings, recipes, rundirs, sounds
from tests.fuzz.conftest import Grounds
from tests.fuzz.entry import Outcome, Program
from tests.fuzz.mutations import Draw, draw

CASES = int(os.environ.get("CRNN_AUDIO_FUZZ", "25"))
KINDS = ("sounds", "lists", "scores", "texts", "recipes", "run directories", "archives", "out folders")
shares: dict[str, float] = dict.fromkeys(KINDS, 0.0)


def test_each_kind_is_tried_as_often_as_it_is_asked_for() -> None:
    from tests.fuzz import test_archives, test_generation, test_scores  # noqa: F401 - they have their shares

    assert shares == dict.fromkeys(KINDS, pytest.approx(1))


def cases(kind: str, share: float) -> pytest.MarkDecorator:
    """This share of the cases of a kind."""
    shares[kind] += share
    return pytest.mark.parametrize("seed", range(round(CASES * share)))


# ------------------------------------------------------------------------------------------------ recordings

NAMES = (
    "recording",
    "two words",
    "grüße 日本語 😀",
    "new\nline",
    "tab\there",
    "'quoted\"",
    "a.b.c",
    "x" * 200,
    "\x1b[3m",
)
TEXTS = (b"four", b"four\n", b"", b"\xff", b"\0", b"\xef\xbb\xbfvier", b" \n ")


@cases("sounds", 0.7)
def test_a_damaged_recording(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("recording", seed)
    path = _recording(rng, tmp_path, sounds.mutated)
    outcome = program("transcribe", grounds.run, path, grounds.good, "--format", "jsonl")
    results = {one["path"]: one for one in outcome.objects()}
    assert str(grounds.good) in results, outcome
    assert abs(results[str(grounds.good)]["seconds"] - sounds.SHORT / sounds.RATE) < 0.01, outcome
    assert set(results) <= {str(path), str(grounds.good)}, outcome
    if str(path) in results:
        assert outcome.code == 0, outcome
    else:
        assert outcome.code == 4, outcome
        assert outcome.names(path), outcome


@cases("sounds", 0.1)
def test_a_recording_cut_short(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("cut short", seed)
    path = _recording(rng, tmp_path, sounds.truncated)
    outcome = program("transcribe", grounds.run, path, "--format", "jsonl")
    assert outcome.code == 0, outcome
    assert outcome.names(path), f"{outcome}\nnothing is said of the loss"
    (result,) = outcome.objects()
    assert result["seconds"] < sounds.LONG / sounds.RATE, outcome


@cases("sounds", 0.1)
def test_a_damaged_recording_in_a_folder(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("folder", seed)
    folder = tmp_path / "mine"
    folder.mkdir()
    for name in ("one", "two", "three"):
        shutil.copyfile(grounds.good, folder / f"{name}.wav")
        (folder / f"{name}.txt").write_text(name)
    suffix, content = sounds.mutated(rng)
    suffix = suffix if suffix not in ("", "txt", "raw") else "wav"
    (folder / f"four.{suffix}").write_bytes(content)
    (folder / "four.txt").write_bytes(rng.choice(TEXTS))
    outcome = program("prepare", "folder", folder, "--out", "out", "--leave-out", "--json")
    assert outcome.code == 0, outcome
    assert sum(one["cuts"] for one in outcome.objects()) + _left_out(outcome) == 4, outcome


@cases("sounds", 0.1)
def test_a_damaged_recording_as_a_stream(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("stream", seed)
    if rng.random() < 0.5:
        source: str | Path = _recording(rng, tmp_path, sounds.mutated)
        outcome = program("stream", grounds.live, source, "--json")
    else:
        source = "standard input"
        content = rng.choice((sounds.odd_wav, sounds.odd_chunks, sounds.any_damage))(rng)[1]
        rate = rng.choice((1, 50, 8000, 44100, 10**6))
        outcome = program("stream", grounds.live, "-", "--rate", rate, "--json", stdin=content)
    outcome.objects()
    assert outcome.code in (0, 4), outcome
    assert outcome.code == 0 or outcome.names(source), outcome


def _recording(rng: Draw, folder: Path, make: Any) -> Path:
    suffix, content = make(rng)
    name = rng.choice(NAMES) if rng.random() < 0.2 else "recording"
    path = folder / (f"{name}.{suffix}" if suffix else name)
    path.write_bytes(content)
    return path


def _left_out(outcome: Outcome) -> int:
    found = re.search(r"^Left out (\d+):$", outcome.stderr, re.MULTILINE)
    return int(found[1]) if found else 0


# ------------------------------------------------------------------------------------------------ manifests and tables


@cases("lists", 0.35)
def test_a_damaged_manifest(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("manifest", seed)
    folder = _manifests(rng, grounds, tmp_path, "train")
    outcome = program("doctor", folder, "--json")
    if outcome.stdout:
        (diagnosis,) = outcome.objects()
        (train,) = (one for one in diagnosis["splits"] if one["split"] == "train")
        assert train["cuts"] >= _lines(folder / "train.jsonl"), outcome
        assert outcome.code == (0 if diagnosis["usable"] else 4), outcome
    else:
        assert outcome.code == 4, outcome
        assert outcome.names(folder / "train.jsonl", folder), outcome


@cases("lists", 0.15)
def test_a_damaged_manifest_of_lhotse(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("lhotse", seed)
    folder = _manifests(rng, grounds, tmp_path, "train")
    path = folder / "train.jsonl"
    if rng.random() < 0.3:
        content = path.read_bytes()
        path = folder / "train.jsonl.gz"
        path.write_bytes(listings.packed(rng, content))
    outcome = program("prepare", "folder", path, "--out", tmp_path / "out", "--leave-out", "--json")
    assert outcome.code in (0, 4), outcome
    assert outcome.code == 0 or outcome.names(path, folder), outcome
    if outcome.code == 0 and path.suffix == ".jsonl":
        assert sum(one["cuts"] for one in outcome.objects()) + _left_out(outcome) >= _lines(path), outcome


@cases("lists", 0.15)
def test_a_damaged_manifest_in_use(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("in use", seed)
    split = rng.choice(("train", "dev"))
    folder = _manifests(rng, grounds, tmp_path, split)
    if rng.random() < 0.6:
        outcome = program("evaluate", grounds.run, "--split", split, "--root", folder, "--json")
        assert outcome.code in (0, 4), outcome
        if outcome.code == 0:
            assert outcome.objects()[0]["utterances"] >= _lines(folder / f"{split}.jsonl"), outcome
    else:
        fields = _fields(folder) | {"optim": {"max_epochs": 1}}
        (tmp_path / "recipe.yaml").write_text(yaml.safe_dump(fields))
        outcome = program("train", "recipe.yaml", "--out", tmp_path / "out")
        assert outcome.code in (0, 4, 5), outcome
    assert outcome.code == 0 or outcome.names(folder, folder / f"{split}.jsonl", "out"), outcome


def _manifests(rng: Draw, grounds: Grounds, folder: Path, spoiled: str) -> Path:
    """The manifests of the grounds in a new folder, one of them changed."""
    there = folder / "manifests"
    shutil.copytree(grounds.manifests, there)
    path = there / f"{spoiled}.jsonl"
    cuts = [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]
    path.write_bytes(listings.manifest(rng, cuts))
    return there


def _lines(path: Path) -> int:
    return sum(bool(line.strip()) for line in path.read_bytes().decode("utf-8-sig", "replace").split("\n"))


@cases("lists", 0.35)
def test_a_damaged_table(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("table", seed)
    folder = tmp_path / "mine"
    folder.mkdir()
    names = [f"{letter}{number}.wav" for number, letter in enumerate("abcdefg")]
    for name in names:
        soundfile.write(folder / name, sounds.beep() * (0.5 + 0.05 * names.index(name)), sounds.RATE)
    header, extra = ["path", "text"], {"speaker": "sam", "split": "train", "start": "0.05", "end": "0.35"}
    more = [name for name in extra if rng.random() < 0.3]
    rows = [[name, f"text {index}", *(extra[one] for one in more)] for index, name in enumerate(names)]
    suffix, content = listings.table(rng, [header + more, *rows])
    path = folder / f"table{suffix}"
    path.write_bytes(content)
    outcome = program("prepare", "folder", path, "--out", tmp_path / "out", "--leave-out", "--json")
    assert outcome.code in (0, 4), outcome
    if outcome.code == 4:
        assert outcome.names(path), outcome
    else:
        missing = _missing(content.decode("utf-8-sig"), names, tmp_path / "out", outcome.stderr)
        assert not missing, f"{outcome}\nnothing is said of {missing}"


def _missing(text: str, names: list[str], out: Path, said: str) -> list[str]:
    """Recordings that the table names and that are neither in a manifest nor reported."""
    listed = "".join(path.read_text(encoding="utf-8") for path in out.glob("*.jsonl"))
    reported = {int(number) for number in re.findall(r"line (\d+)", said)}
    lines = re.split("\r\n|\n|\r", text)
    return [
        name
        for name in names
        if name in text
        and f"/{name}" not in listed
        and name not in said
        and not reported & {number for number, line in enumerate(lines, 1) if name in line}
    ]


# ------------------------------------------------------------------------------------------------ recipes


@cases("recipes", 0.8)
def test_a_damaged_recipe(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("recipe", seed)
    path = tmp_path / "recipe.yaml"
    change = rng.choice((recipes.recipe, recipes.recipe, recipes.stretched))
    path.write_bytes(change(rng, _fields(grounds.corpus)))
    changes = [recipes.override(rng, _fields(grounds.corpus))] if rng.random() < 0.2 else []
    outcome = program("show", path, *changes)
    assert outcome.code in (0, 2, 3, 4), outcome
    if outcome.code == 0:
        assert program("show", _written(tmp_path / "again.yaml", outcome.stdout)).stdout == outcome.stdout
    else:
        assert outcome.names(path.name, grounds.corpus, "override", "features: ", "Out of memory"), outcome


@cases("recipes", 0.2)
def test_a_damaged_recipe_in_use(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("recipe in use", seed)
    path = tmp_path / "recipe.yaml"
    fields = _fields(grounds.corpus)
    path.write_bytes(rng.choice((recipes.stretched, recipes.stretched, recipes.recipe))(rng, fields))
    here = ["data.corpus=manifests", f"data.root={grounds.corpus}", "optim.max_epochs=1", "init=null"]
    verb = rng.choice((("train", path, "--out", "out", "--minutes", "0.05"), ("doctor", path)))
    outcome = program(*verb, *here)
    assert outcome.code in (0, 2, 3, 4, 5), outcome
    assert outcome.code == 0 or outcome.names(path.name, grounds.corpus, "features", "out") or outcome.stdout, outcome


def _fields(root: Path) -> dict[str, Any]:
    """A recipe that says something of every part."""
    fields: dict[str, Any] = json.loads(json.dumps(trainings.SMALL))
    fields["data"] |= {"root": str(root), "accumulate": 1, "first_epoch": "shuffled"}
    fields["augment"] = {
        "speed": [0.9, 1.0], "gain_db": 3.0, "noise": {"probability": 0.5, "snr_db": [5.0, 25.0]},
        "reverberation": {"probability": 0.5},
        "spec_augment": {"time_masks": 1, "time_width": 4, "freq_masks": 1, "freq_width": 4},
    }  # fmt: skip
    fields["optim"] |= {"schedule": "one_cycle", "warmup": 0.1, "clip_norm": 5.0, "ema": 0.9, "betas": [0.9, 0.98]}
    return fields | {"train": {"eval_epochs": 1, "checkpoint_steps": 0}, "precision": "float32", "seed": 1}


def _written(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


# ------------------------------------------------------------------------------------------------ run directories

KNOWN = ("best.safetensors", "best.safetensors", "vocabulary.json", "recipe.yaml", "statistics.json", "run.json")


@cases("run directories", 0.7)
def test_a_damaged_run(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("run", seed)
    run = tmp_path / "run"
    shutil.copytree(grounds.run, run)
    spoiled = rundirs.spoil(rng, run, names=KNOWN)
    outcome = program("transcribe", run, grounds.good, "--format", "jsonl")
    assert outcome.code in (0, 4, 5), outcome
    if spoiled == "best.safetensors" and (run / "run.json").read_bytes() == (grounds.run / "run.json").read_bytes():
        same = (run / spoiled).is_file() and (run / spoiled).read_bytes() == (grounds.run / spoiled).read_bytes()
        assert outcome.code == (0 if same or not (run / spoiled).exists() else 5), "other weights than were trained"
    assert len(outcome.objects()) == (outcome.code == 0), outcome
    assert outcome.code == 0 or outcome.names(run, grounds.good), outcome


@cases("run directories", 0.1)
def test_wrong_weights_are_never_accepted(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("weights", seed)
    run = tmp_path / "run"
    shutil.copytree(grounds.run, run)
    rundirs.spoil(rng, run, names=("best.safetensors",))
    shutil.copyfile(grounds.run / "run.json", run / "run.json")  # the hash of what was trained
    path = run / "best.safetensors"
    if not path.exists():
        return  # and the last weights are those that it has
    outcome = program("transcribe", run, grounds.good)
    whole = path.is_file() and path.read_bytes() == (grounds.run / path.name).read_bytes()
    assert (outcome.code, outcome.stdout != "") == ((0, True) if whole else (5, False)), outcome


@cases("run directories", 0.2)
def test_a_damaged_run_goes_on(seed: int, grounds: Grounds, program: Program, tmp_path: Path) -> None:
    rng = draw("goes on", seed)
    run = tmp_path / "run"
    shutil.copytree(grounds.begun, run)
    recipe = _written(tmp_path / "recipe.yaml", (run / "recipe.yaml").read_text())
    names = ("checkpoint.safetensors", "checkpoint.safetensors", "log.jsonl", *KNOWN[2:])
    rundirs.spoil(rng, run, names=names)
    outcome = program("train", recipe, "--out", run)
    assert outcome.code in (0, 3, 4, 5), outcome
    assert outcome.code == 0 or outcome.names(run, recipe, grounds.corpus), outcome
