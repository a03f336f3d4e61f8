"""What each kind of problem exports: a graph that was compared with its modules, and the files that it needs beside it.

A new kind is a function here and a line in `WRITERS`; what opens its folder without torch stands in `opening`.
"""

import json
import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

from crnn_audio import files, runs, weights
from crnn_audio.errors import RunError
from crnn_audio.inference.export.written import Written
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.folder import FORMAT, MANIFEST, MODEL
from crnn_audio.problems import cards
from crnn_audio.problems.restore import Restored, restore

Writer = Callable[[Restored, Any], Written]
"""Makes the export of a run, of its task in evaluation mode, for onnxruntime."""


def _recognition(restored: Restored, task: Any) -> Written:
    from crnn_audio.problems import export_recognition

    return export_recognition.written(restored.assets, task)


def _classification(restored: Restored, task: Any) -> Written:
    from crnn_audio.problems import export_classification

    return export_classification.written(restored.run, restored.assets, task)


def _labelling(restored: Restored, task: Any) -> Written:
    from crnn_audio.problems import export_labelling

    return export_labelling.written(restored.problem.opened(restored.run, restored.recipe, restored.assets, task))


def _prediction(restored: Restored, task: Any) -> Written:
    from crnn_audio.problems import export_prediction

    return export_prediction.written(restored.assets, task)


def _transduction(restored: Restored, task: Any) -> Written:
    from crnn_audio.problems import export_transduction

    return export_transduction.written(restored.assets, task)


WRITERS: dict[str, Writer] = {
    "recognition": _recognition,
    "classification": _classification,
    "labelling": _labelling,
    "transduction": _transduction,
    "rolls": _prediction,
    "text": _prediction,
}
"""By `task.kind`."""
REASONS = {
    "music": "what they generate is sampled token by token under rules that run by torch alone, so use the run itself",
    "memory": "they are for comparing cells, and nothing uses them",
}
"""Why the others have no exported form."""


def export(model: str | Path, out: str | Path, *, to: str = "onnx", int8: bool = False) -> tuple[Path, tuple[str, ...]]:
    """Writes a trained model as an ONNX graph into the folder `out`, in place of an earlier export.

    Args:
        model: a run directory, or a name in the zoo.
        to: "onnx", for `crnn-audio` without torch and any program with onnxruntime, or "sherpa", for sherpa-onnx.
        int8: products with weights of 8 bits, a quarter of the size.

    Returns:
        The folder, and the commands that use it.

    Raises:
        RunError: the model cannot be exported, the extra `export` is not installed, or the folder cannot be written.
    """
    run, out = runs.open_run(model), Path(out)
    if run.kind not in WRITERS:
        why = REASONS.get(run.kind, "this version does not know them")
        raise RunError(
            f"{run.path}: models for task {run.kind} are not exported: {why}. Those for {', '.join(WRITERS)} are."
        )
    if out.exists() and not (out.is_dir() and (folder.is_exported(out) or not any(out.iterdir()))):
        raise RunError(f"{out}: exists and is no exported model. Choose another --out, or remove it.")
    if missing := [name for name in ("onnx", "onnxruntime") if not folder.installed(name)]:
        raise RunError(f"{' and '.join(missing)}: not installed. Install crnn-audio with the extra `export`.")
    restored = restore(run)
    task = restored.task("best", "cpu")
    try:
        written = WRITERS[run.kind](restored, task.eval()) if to == "onnx" else _sherpa(restored, task.eval())
    except RunError as error:
        raise RunError(f"{run.path}: {error}") from None
    with _in_place_of(out) as partial:
        _save(written, restored, partial, out.name, to, int8)
    return out, tuple(line.replace("DIR", str(out)) for line in written.usage)


def _sherpa(restored: Restored, task: Any) -> Written:
    from crnn_audio.problems import export_recognition

    if restored.run.kind != "recognition":
        raise RunError("sherpa-onnx runs recognisers of speech alone. Export it with `--to onnx`.")
    return export_recognition.sherpa(restored.recipe, restored.assets, task)


@contextmanager
def _in_place_of(out: Path) -> Iterator[Path]:
    """A new folder beside `out` whose files take their places once all are written, the manifest last.

    Raises:
        RunError: it cannot be written.
    """
    partial = out.with_name(f".{files.shortened(out.name, 16)}.partial")
    try:
        with runs.writing(out):
            shutil.rmtree(partial, ignore_errors=True)
            partial.mkdir(parents=True)
            yield partial
            if folder.is_exported(out):
                for file in sorted(partial.iterdir(), key=lambda file: file.name == MANIFEST):
                    file.replace(out / file.name)
            else:
                partial.rename(out)
    finally:
        shutil.rmtree(partial, ignore_errors=True)


def _save(written: Written, restored: Restored, out: Path, name: str, to: str, int8: bool) -> None:
    """Writes the files of a folder that will be called `name`."""
    files.write_bytes(out / MODEL, written.model.SerializeToString())
    for file, save in written.files.items():
        save(out / file)
    for graph in out.glob("*.onnx") if int8 else ():
        _quantize(graph)
    files.write_text(out / "README.md", _card(restored, written, name, int8))
    facts = {
        "format": FORMAT,
        "crnn_audio": version("crnn-audio"),
        "kind": restored.run.kind,
        "target": to,
        "model": restored.run.path.resolve().name,
        "weights": restored.run.weights_hash("best"),
        "int8": int8,
        **written.facts,
        "sha256": {file: weights.sha256(out / file) for file in (MODEL, *written.files)},
    }
    files.write_text(out / MANIFEST, json.dumps(facts, indent=1, ensure_ascii=False) + "\n")


def _quantize(path: Path) -> None:
    """Weights of 8 bits, and inputs that are rounded as they come (onnxruntime's dynamic quantisation)."""
    import onnx
    from onnxruntime.quantization import QuantType, quantize_dynamic

    model = onnx.load(path)
    onnx.helper.set_model_props(model, {"onnx.quant.pre_process": "onnxruntime.quant"})  # none is needed
    whole = path.with_name("float.partial")
    files.write_bytes(whole, model.SerializeToString())
    quantize_dynamic(
        whole, path, op_types_to_quantize=["MatMul", "LSTM"], weight_type=QuantType.QInt8, per_channel=False
    )
    whole.unlink()
    onnx.checker.check_model(str(path))


def _card(restored: Restored, written: Written, folder_name: str, int8: bool) -> str:
    """The run's model card, or where it has none what it was trained on; and how the folder is used."""
    own = restored.run.path / "README.md"
    name = restored.run.path.resolve().name
    card = own.read_text(encoding="utf-8") if own.is_file() else f"# {name}\n\n{cards.about_corpus(restored.recipe)}\n"
    precision = "weights of 8 bits" if int8 else "float32"
    usage = "\n".join(line.replace("DIR", folder_name) for line in written.usage)
    return f"{card.rstrip()}\n\n## Exported\n\nAn ONNX graph of {name}, {precision}.\n\n```\n{usage}\n```\n"
