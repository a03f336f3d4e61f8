"""`show` and `doctor` of an exported folder; and that no verb imports torch that does not compute with it."""

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np
import onnx
import pytest
import typer

from crnn_audio import weights
from crnn_audio.errors import RunError
from crnn_audio.inference.exported import folder, inspection
from crnn_audio.verbs import data, recipes

PROGRAM = """
import contextlib, io, json, sys
from crnn_audio import cli
for line in json.loads(sys.argv[1]):
    sys.argv[1:] = line
    try:
        cli.main()
        code = 0
    except SystemExit as ending:
        code = ending.code
    assert code in (0, None), (line, code)
    assert not {"torch", "librosa", "matplotlib", "onnx"} & set(sys.modules), line
    print("==", line[0])
"""


def test_verbs_that_need_no_torch_import_none(both, recordings: list[Path], tmp_path: Path) -> None:
    (tmp_path / "text.txt").write_text("one two three\nfour five\n", encoding="utf-8")
    out, sound = str(both.folder), str(recordings[0])
    lines = [
        ["--help"],
        ["recipes"],
        ["ngram", str(tmp_path / "text.txt"), "--out", str(tmp_path / "model.arpa")],
        ["show", out],
        ["doctor", out],
        ["doctor", out, "--json"],
        ["transcribe", out, sound],
        *([["stream", out, sound]] if both.exported.pieces else []),
    ]
    command = [sys.executable, "-c", PROGRAM, json.dumps(lines)]
    done = subprocess.run(command, capture_output=True, text=True, env=dict(os.environ))
    assert done.stderr == ""
    said = done.stdout.split("== ")
    assert len(said) == len(lines) + 1
    shown, tried = said[3], said[4]
    assert "recognition" in shown
    assert f"{folder.MODEL}, vocabulary.json" in shown
    assert f"{both.folder}: usable (its 3 files are whole, and its graph runs)." in tried
    found = json.loads(said[5].partition("\n")[2])
    assert (found["target"], found["usable"]) == (out, True)
    assert found["outputs"]["outputs"][2] == len(both.exported.vocabulary.tokens)


def test_a_graph_that_gives_no_numbers(live, tmp_path: Path) -> None:
    exported = folder.open_folder(live.folder)
    model = onnx.load(live.folder / folder.MODEL)
    broken = next(one for one in model.graph.initializer if len(one.dims) == 2)
    broken.CopyFrom(onnx.numpy_helper.from_array(np.full(broken.dims, np.nan, np.float32), broken.name))
    for file in live.folder.iterdir():
        (tmp_path / file.name).write_bytes(file.read_bytes())
    onnx.save(model, tmp_path / folder.MODEL)
    facts = json.loads((tmp_path / folder.MANIFEST).read_text())
    facts["sha256"][folder.MODEL] = weights.sha256(tmp_path / folder.MODEL)
    (tmp_path / folder.MANIFEST).write_text(json.dumps(facts))
    assert inspection.tried(exported)["outputs"][0] == 1
    with pytest.raises(RunError, match="are not finite"):
        inspection.tried(folder.open_folder(tmp_path))


def test_what_is_for_recipes_and_data(live, capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(typer.Exit):
        recipes.show(str(live.folder), ["seed=1"])
    with pytest.raises(typer.Exit):
        data.doctor(str(live.folder), root=Path())
    said = capsys.readouterr().err
    assert "an exported model, which has no recipe" in said
    assert "an exported model, without data" in said
