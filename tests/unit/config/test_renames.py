"""A recipe of an earlier version gets one line for each field that has another name now, and nothing else."""

import shutil
from pathlib import Path

import pytest

from crnn_audio.config.renames import FIELDS
from crnn_audio.errors import OldRecipeError, RecipeError, RunError
from crnn_audio.problems.restore import load
from crnn_audio.runs import ZOO
from tests.loading import loads

CHORALES = """\
task: {kind: next_token, given_share: 0.6, untold_share: 0.1}
data: {corpus: chorales, representation: chorale, batch_rows: 4, chunk_rows: 0, keys: own}
model: {listener: {hidden_size: 8}}
"""
ROLLS = """\
task: {kind: next_frame}
data: {corpus: piano_rolls, collection: jsb, batch_rows: 4, chunk_frames: 8, recall: true}
model: {conv: [], recurrent: {bidirectional: false}}
"""
TEXT = "task: {kind: language}\ndata: {corpus: alice, batch_rows: 4, chunk_tokens: 8, window: 2}\n"
SPEECH = "data: {corpus: an4}\naugment: {noise: {share: 0.3}, rooms: {share: 0.3}}\n"
OLD = {
    CHORALES: [
        "task.given_share: is now task.fixed_voice_probability",
        "task.untold_share: is now task.condition_dropout",
        "data.batch_rows: is now data.batch_size",
        "data.chunk_rows: is now data.bptt",
        "data.keys: is now data.normalize_keys",
        "model.listener: is now model.encoder",
        "task.kind: 'next_token' is now 'music'",
        "data.normalize_keys: 'own' is now false",
    ],
    ROLLS: [
        "data.batch_rows: is now data.batch_size",
        "data.chunk_frames: is now data.bptt",
        "data.recall: is now data.copy_context",
        "task.kind: 'next_frame' is now 'rolls'",
    ],
    TEXT: [
        "data.batch_rows: is now data.batch_size",
        "data.chunk_tokens: is now data.bptt",
        "data.window: is now data.context_length",
        "task.kind: 'language' is now 'text'",
    ],
    SPEECH: [
        "augment.noise.share: is now augment.noise.probability",
        "augment.rooms.share: is now augment.rooms.probability",
        "augment.rooms: is now augment.reverberation",
    ],
}


def lines(text: str, *overrides: str) -> list[str]:
    with pytest.raises(RecipeError) as error:
        loads(text, overrides)
    return [line.strip() for line in str(error.value).splitlines()[1:]]


@pytest.mark.parametrize("text", OLD, ids=["chorales", "rolls", "text", "speech"])
def test_each_old_name_is_reported_once_with_the_new_one(text: str) -> None:
    assert lines(text) == OLD[text]
    with pytest.raises(OldRecipeError):
        loads(text)


def test_every_rename_is_tried_here() -> None:
    reported = "\n".join(line for found in OLD.values() for line in found)
    assert all(f"{old}: is now" in reported for old in FIELDS)


def test_other_mistakes_are_reported_beside_them() -> None:
    assert lines("data: {corpus: chorales, batch_rows: 0}\ntask: {kind: next_token}") == [
        "data.batch_rows: is now data.batch_size",
        "task.kind: 'next_token' is now 'music'",
        "data.batch_size: input should be at least 1 (found 0)",
    ]
    assert lines("data: [1]\ntask: {kind: next_frme}\nmodel: {listener: 3}")[0] == (
        "model.listener: is now model.encoder"
    )


def test_overrides_know_the_old_names_too() -> None:
    assert lines("data: {corpus: an4}", "augment.rooms.folder=there") == [
        "override 'augment.rooms.folder=there': is now augment.reverberation"
    ]


def test_an_old_run_directory_says_what_to_change_and_opens_afterwards(tmp_path: Path) -> None:
    run = Path(shutil.copytree(ZOO / "folk_tunes", tmp_path / "old"))
    new = (run / "recipe.yaml").read_text(encoding="utf-8")
    old = new.replace("batch_size", "batch_rows").replace("normalize_keys: true", "keys: home")
    (run / "recipe.yaml").write_text(old.replace("kind: music", "kind: next_token"), encoding="utf-8")
    with pytest.raises(RunError) as error:
        load(run, "music")
    said = str(error.value).splitlines()
    assert said[0] == (
        f"{run}: trained by an earlier version, with other names of fields. Change them in its recipe.yaml as listed "
        "here, or train again."
    )
    assert said[2:] == [
        "  data.batch_rows: is now data.batch_size",
        "  data.keys: is now data.normalize_keys",
        "  task.kind: 'next_token' is now 'music'",
        "  data.normalize_keys: 'home' is now true",
    ]
    (run / "recipe.yaml").write_text(new, encoding="utf-8")
    assert load(run, "music").run.path == run
