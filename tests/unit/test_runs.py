"""A run directory is found, made whole, opened safely, and says what is wrong with it."""

import errno
import json
import os
import shutil
import time
from hashlib import sha256
from pathlib import Path

import pytest
import torch
import yaml
from safetensors.torch import load_file, save_file

from crnn_audio import runs
from crnn_audio.config import load as config
from crnn_audio.errors import RunError
from crnn_audio.features.normalize import Statistics
from crnn_audio.problems import parts, recognition
from crnn_audio.problems.recognition import Assets
from crnn_audio.problems.restore import load, restore
from crnn_audio.text.vocabulary import Vocabulary
from tests import trainings

VOCABULARY = Vocabulary.build(["ab c"], "characters")
ASSETS = Assets(VOCABULARY, Statistics((0.5,) * 12, (2.0,) * 12))


def text(folder: Path, changes: dict | None = None) -> str:
    """A small recipe as YAML."""
    return config.dump(trainings.small(folder, changes))


def created(path: Path, state: str = "finished", which: tuple[str, ...] = ("best", "last")) -> runs.Run:
    """A run directory as training makes it, without any training."""
    recipe = trainings.small(path.parent)
    run = runs.create(path, config.dump(recipe), ASSETS, {"recipe": None})
    task = recognition.task(recipe, ASSETS)
    for name in which:
        run.save_weights(name, task.model.state_dict())
    run.set_state(state, steps=3, epochs=1, train_seconds=1.0, best_dev=0.5)
    return runs.open_run(path)


@pytest.fixture(scope="module")
def whole(tmp_path_factory) -> Path:
    return created(tmp_path_factory.mktemp("runs") / "run").path


@pytest.fixture
def run(whole, tmp_path) -> Path:
    """A copy that may be spoiled."""
    return Path(shutil.copytree(whole, tmp_path / "run"))


def saved(path: Path, weights: dict, *, noted: bool = True) -> None:
    """Replaces the best weights by any tensors, with their hash in run.json or, as earlier versions, without."""
    save_file(weights, path / "best.safetensors")
    header = json.loads((path / "run.json").read_text())
    header["sha256"] = {"best.safetensors": sha256((path / "best.safetensors").read_bytes()).hexdigest()}
    if not noted:
        del header["sha256"]
    (path / "run.json").write_text(json.dumps(header))


def problem(path: Path | str, **options) -> str:
    with pytest.raises(RunError) as raised:
        load(path, **options)
    assert "\n" not in str(raised.value).strip()
    return str(raised.value)


# ---------------------------------------------------------------------------------------- made and opened


def test_what_was_made_is_opened(tmp_path) -> None:
    run = created(tmp_path / "deep" / "run")
    restored = restore(run)
    assert (restored.recipe, restored.assets) == (trainings.small(tmp_path / "deep"), ASSETS)
    assert (run.kind, run.recipe["features"]["num_mels"]) == ("recognition", 12)
    assert run.finished
    assert run.facts["best_dev"] == 0.5
    assert run.facts["format"] == runs.FORMAT
    assert not created(tmp_path / "other", "training").finished


def test_a_folder_with_something_else_in_it_is_not_taken(tmp_path) -> None:
    (tmp_path / "notes.txt").write_text("mine")
    for path in (tmp_path, tmp_path / "notes.txt"):
        with pytest.raises(RunError, match=r"exists and is not a run directory\. Choose another with --out"):
            runs.create(path, text(tmp_path), ASSETS, {})
    assert [path.name for path in tmp_path.iterdir()] == ["notes.txt"]


def test_a_run_is_not_made_over_another(run) -> None:
    before = (run / "run.json").read_bytes()
    with pytest.raises(RunError):
        runs.create(run, text(run.parent), ASSETS, {})
    assert (run / "run.json").read_bytes() == before


def test_an_empty_folder_is_taken(tmp_path) -> None:
    run = runs.create(tmp_path, text(tmp_path, {"features.normalize": "utterance"}), Assets(VOCABULARY, None), {})
    assert restore(run).assets.statistics is None
    assert runs.is_run(tmp_path)


# ---------------------------------------------------------------------------------------- found


def test_a_path_and_a_name_of_the_zoo(whole, tmp_path, monkeypatch) -> None:
    monkeypatch.setattr(runs, "ZOO", tmp_path / "zoo")
    shutil.copytree(whole, tmp_path / "zoo" / "tiny")
    monkeypatch.chdir(tmp_path)
    assert runs.locate(whole) == runs.locate(str(whole)) == whole
    assert runs.locate("tiny") == tmp_path / "zoo" / "tiny"
    assert "Known names: tiny." in problem("tinny")
    (tmp_path / "tiny").mkdir()
    assert runs.locate("tiny") == Path("tiny")


@pytest.mark.parametrize("name", ["nowhere", "no/where", "../zoo/tiny", ""])
def test_a_missing_one_says_what_to_do(tmp_path, monkeypatch, name) -> None:
    monkeypatch.setattr(runs, "ZOO", tmp_path / "zoo")
    monkeypatch.chdir(tmp_path)
    if name == "":
        assert "no run.json" in problem(name)  # the folder itself
    else:
        assert problem(name).startswith(f"{name}: no such run directory, and no model of that name. No model ships")


def test_a_folder_and_a_file_that_are_no_run(tmp_path) -> None:
    (tmp_path / "file").write_text("x")
    assert problem(tmp_path).startswith(f"{tmp_path}: not a run directory (it has no run.json)")
    assert "no such run directory" in problem(tmp_path / "file")


# ---------------------------------------------------------------------------------------- unfinished


def test_unfinished_without_weights_says_how_to_go_on(tmp_path) -> None:
    path = created(tmp_path / "my run", "training", which=()).path
    assert problem(path).startswith(f"{path}: no weights yet")
    assert f"`crnn-audio train '{path}/recipe.yaml' --out '{path}'`" in problem(path)


def test_unfinished_with_its_best_weights_is_usable_and_its_last_are_asked_for_in_vain(tmp_path) -> None:
    path = created(tmp_path / "run", "training", which=("best",)).path
    assert not load(path).run.finished
    assert "no last weights yet, which come at the end of training" in problem(path, weights="last")


def test_best_and_last_are_two_and_without_dev_the_last_are_the_best(run) -> None:
    last = {name: value + 1 for name, value in load_file(run / "last.safetensors").items()}
    runs.open_run(run).save_weights("last", last)
    found = {which: load(run, weights=which).task.model.state_dict() for which in ("best", "last")}
    assert all(torch.equal(found["last"][name], last[name]) for name in last)
    assert not any(torch.equal(found["best"][name], last[name]) for name in last)
    (run / "best.safetensors").unlink()
    assert all(torch.equal(value, last[name]) for name, value in load(run).task.model.state_dict().items())


# ---------------------------------------------------------------------------------------- damaged

GARBAGE = {
    "binary": b"\xff\xfe\x00garbage", "text": b"<html>", "empty": b"", "a list": b"[1, 2]", "a number": b"3",
    "deep": b"[" * 9999,
}  # fmt: skip


@pytest.mark.parametrize("name", ["run.json", "recipe.yaml", "vocabulary.json", "statistics.json"])
@pytest.mark.parametrize("garbage", GARBAGE)
def test_garbage_in_a_file_names_it(run, name, garbage) -> None:
    (run / name).write_bytes(GARBAGE[garbage])
    said = problem(run) if name != "recipe.yaml" else problem_of_a_recipe(run)
    assert name in said
    assert "damaged" in said


def problem_of_a_recipe(path: Path) -> str:
    """Its message has a line for each problem."""
    with pytest.raises(RunError) as raised:
        load(path)
    return str(raised.value)


@pytest.mark.parametrize("name", ["recipe.yaml", "vocabulary.json", "statistics.json"])
def test_a_missing_file_is_named(run, name) -> None:
    (run / name).unlink()
    assert name in problem(run)


@pytest.mark.parametrize(
    "content",
    [{"mean": [1.0] * 12}, {"mean": 3, "std": 4}, {"mean": ["x"], "std": ["y"]}, {"mean": [10**400], "std": [1]}],
)
def test_statistics_that_are_none(run, content) -> None:
    (run / "statistics.json").write_text(json.dumps(content))
    assert "statistics.json: damaged" in problem(run)


@pytest.mark.parametrize(
    ("mean", "std"), [(0.5, -2.0), (0.5, 0.0), (0.5, 1e-300), (0.5, float("nan")), (float("nan"), 2.0), (1e300, 2.0)]
)
def test_statistics_are_finite_and_deviations_above_zero(run, mean, std) -> None:
    (run / "statistics.json").write_text(json.dumps({"mean": [mean] * 12, "std": [1.0] * 11 + [std]}))
    assert problem(run).startswith(f"{run / 'statistics.json'}: damaged (")


@pytest.mark.parametrize("lengths", [(11, 11), (12, 11), (0, 0)])
def test_statistics_of_other_features(run, lengths) -> None:
    mean, std = ([1.0] * length for length in lengths)
    (run / "statistics.json").write_text(json.dumps({"mean": mean, "std": std}))
    assert problem(run).startswith(f"{run}: statistics.json: damaged")


def test_a_recipe_that_asks_for_more_memory_than_there_is_names_the_run(run, monkeypatch) -> None:
    def too_much(*arguments: object, **options: object) -> None:
        raise MemoryError

    monkeypatch.setattr(parts, "crnn", too_much)
    assert problem(run).startswith(f"{run}: Out of memory (MemoryError)")


@pytest.mark.parametrize("size", [0, 4, 100, -1])
def test_truncated_weights(run, size) -> None:
    path = run / "best.safetensors"
    path.write_bytes(path.read_bytes()[:size])
    assert problem(run).startswith(f"{path}: damaged (")
    assert load(run, weights="last")


@pytest.mark.parametrize("number", [float("nan"), float("inf")])
def test_weights_that_are_no_numbers(run, number) -> None:
    weights = load_file(run / "best.safetensors")
    next(iter(weights.values())).view(-1)[0] = number
    saved(run, weights)
    assert "damaged (" in (said := problem(run))
    assert "holds NaN or infinity" in said


def test_a_number_too_large_for_float32_is_none(run) -> None:
    weights = {name: weight.double() for name, weight in load_file(run / "best.safetensors").items()}
    saved(run, weights)
    assert load(run)
    next(iter(weights.values())).view(-1)[0] = 1e300
    saved(run, weights)
    assert "holds NaN or infinity" in problem(run)


def test_one_bit_of_the_weights_is_damage_and_without_a_hash_there_is_one_line(run, capsys) -> None:
    path = run / "best.safetensors"
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)
    assert problem(run).startswith(f"{path}: damaged (its SHA-256 is {sha256(content).hexdigest()[:16]}...")
    assert load(run, weights="last")
    assert capsys.readouterr().err == ""
    saved(run, load_file(path), noted=False)
    assert load(run)
    assert capsys.readouterr().err.startswith(f"{path}: run.json has no SHA-256 of these weights")
    (run / "run.json").write_text(json.dumps(json.loads((run / "run.json").read_text()) | {"sha256": [1]}))
    assert problem(run).startswith(f"{run / 'run.json'}: damaged (its sha256")


def test_a_kill_between_weights_and_their_hash_leaves_a_run_that_opens(run, monkeypatch) -> None:
    """run.json names the new weights first, beside the old ones."""
    opened, old = runs.open_run(run), load_file(run / "best.safetensors")
    new = {name: weight + 1 for name, weight in old.items()}
    replace = Path.replace
    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", lambda path, to: killed() if to.suffix == ".safetensors" else replace(path, to))
        with pytest.raises(KeyboardInterrupt):
            opened.save_weights("best", new)
    assert torch.equal(next(iter(opened.weights().values())), next(iter(old.values())))
    opened.save_weights("best", new)
    assert torch.equal(next(iter(opened.weights().values())), next(iter(new.values())))


def killed() -> None:
    raise KeyboardInterrupt


@pytest.mark.parametrize("kind", [torch.int8, torch.int64, torch.bool, torch.uint8, torch.complex64])
def test_weights_are_floating_point_numbers(run, kind) -> None:
    weights = load_file(run / "best.safetensors")
    name = next(iter(weights))
    saved(run, weights | {name: weights[name].to(kind)})
    assert f"damaged ({name} is of type" in problem(run)


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda weights, name: weights.pop(name), "{} is missing"),
        (lambda weights, name: weights.update(more=torch.ones(3)), "more is of another model"),
        (lambda weights, name: weights.update({name: weights[name][:1]}), "the shape of {} is [1, "),
    ],
)
def test_weights_of_another_shape_are_named(run, change, message) -> None:
    weights = load_file(run / "best.safetensors")
    name = next(name for name, weight in weights.items() if weight.dim() == 2)
    change(weights, name)
    saved(run, weights)
    assert f"the weights do not fit the recipe beside them ({message.format(name)}" in problem(run)


def test_a_recipe_of_any_size_is_compared_with_the_weights_before_memory_is_taken(run) -> None:
    recipe = yaml.safe_load((run / "recipe.yaml").read_text())
    recipe["model"]["recurrent"] |= {"hidden_size": 30_000, "num_layers": 5}
    (run / "recipe.yaml").write_text(yaml.safe_dump(recipe))
    began = time.monotonic()
    assert "the weights do not fit the recipe beside them (" in problem(run)
    assert time.monotonic() - began < 5


@pytest.mark.parametrize("name", ["best.safetensors", "run.json", "recipe.yaml", "vocabulary.json", "statistics.json"])
def test_a_pipe_in_the_place_of_a_file_is_damage_and_nobody_waits_for_it(run, name) -> None:
    (run / name).unlink()
    os.mkfifo(run / name)
    assert "a pipe or a device, where a file is expected" in problem(run)


@pytest.mark.parametrize("name", ["best.safetensors", "run.json", "recipe.yaml", "vocabulary.json", "statistics.json"])
def test_a_file_of_three_gigabytes_is_refused_at_once(run, name) -> None:
    os.truncate(run / name, 3 * 2**30)
    began = time.monotonic()
    assert name in problem(run)
    assert time.monotonic() - began < 5


def test_weights_of_earlier_versions_get_their_new_names(run) -> None:
    old = ("front.listener.layers.0.a", "head.told", "told")
    saved(run, {name: torch.ones(2) for name in old}, noted=False)
    found = runs.open_run(run).weights()
    assert set(found) == {"front.encoder.layers.0.a", "head.key_vectors", "told"}


def test_weights_of_another_model(run) -> None:
    recipe = trainings.small(run.parent, {"model.recurrent.hidden_size": 9})
    other = recognition.task(recipe, ASSETS).model.state_dict()
    runs.open_run(run).save_weights("best", other)
    with pytest.raises(RunError, match="the weights do not fit the recipe beside them"):
        load(run)


def test_a_newer_format_says_to_update(run) -> None:
    header = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(header | {"format": runs.FORMAT + 1, "crnn_audio": "9.9"}))
    assert f"written in format {runs.FORMAT + 1} by crnn_audio 9.9" in problem(run)
    assert "Update crnn_audio." in problem(run)


@pytest.mark.parametrize("field", [None, "1", True, 0])
def test_a_format_that_is_none_is_damage(run, field) -> None:
    header = json.loads((run / "run.json").read_text())
    (run / "run.json").write_text(json.dumps(header | {"format": field}))
    assert "run.json: damaged" in problem(run)


# ---------------------------------------------------------------------------------------- read-only and full


def read_only(monkeypatch) -> None:
    """As a read-only file system answers; root may write where a mode says otherwise, so chmod would test nothing."""

    def refuse(*_, **__):
        raise OSError(errno.EROFS, os.strerror(errno.EROFS))

    for call in ("tempfile.mkstemp", "tempfile.mkdtemp", "os.mkdir", "os.replace", "os.rename", "os.unlink"):
        monkeypatch.setattr(call, refuse)
    opened = Path.open
    monkeypatch.setattr(
        Path,
        "open",
        lambda path, mode="r", *a, **k: refuse() if set("wax+") & set(mode) else opened(path, mode, *a, **k),
    )


def test_a_read_only_run_can_be_used(run, monkeypatch) -> None:
    trainings.beep(run.parent, "beep", "abc", 0.4)
    read_only(monkeypatch)
    assert load(run).transcribe(run.parent / "beep.wav").seconds == pytest.approx(0.4)


@pytest.mark.parametrize(
    "write",
    [
        lambda path: runs.create(path.parent / "new", text(path), ASSETS, {}),
        lambda path: runs.open_run(path).save_weights("best", {"weight": torch.zeros(3)}),
    ],
)
def test_a_read_only_folder_is_one_error_and_changes_nothing(run, monkeypatch, write) -> None:
    before = {path.name: path.read_bytes() for path in run.iterdir()}
    read_only(monkeypatch)
    with pytest.raises(RunError, match=r"cannot be written \(Read-only file system\)\. .*--out"):
        write(run)
    monkeypatch.undo()
    assert {path.name: path.read_bytes() for path in run.iterdir()} == before
    assert [path.name for path in run.parent.iterdir()] == ["run"]
