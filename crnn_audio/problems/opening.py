"""Models as people use them: run directories by torch, exported folders by onnxruntime, whichever a path names.

Nothing here imports torch before it is needed.
"""

from collections.abc import Callable
from pathlib import Path
from typing import Any

from crnn_audio.errors import RunError
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.folder import Exported


def _recognizer(exported: Exported) -> Any:
    from crnn_audio.inference.exported.recognizer import ExportedRecognizer

    return ExportedRecognizer(exported)


def _classifier(exported: Exported) -> Any:
    from crnn_audio.inference.exported.classifier import ExportedClassifier

    return ExportedClassifier(exported)


def _labeller(exported: Exported) -> Any:
    from crnn_audio.inference.exported.labeller import ExportedLabeller

    return ExportedLabeller(exported)


def _transducer(exported: Exported) -> Any:
    from crnn_audio.inference.exported.transducer import ExportedTransducer

    return ExportedTransducer(exported)


def _predictor(exported: Exported) -> Any:
    from crnn_audio.inference.exported.predictor import ExportedPredictor

    return ExportedPredictor(exported)


OPENED: dict[str, Callable[[Exported], Any]] = {
    "recognition": _recognizer,
    "classification": _classifier,
    "labelling": _labeller,
    "transduction": _transducer,
    "rolls": _predictor,
    "text": _predictor,
}
"""What opens an exported model, by its `task.kind`."""


def load(model: str | Path, *kinds: str, device: str = "auto", weights: str = "best") -> Any:
    """Opens a trained model by the path of its run directory or exported folder, or by its name in the zoo.

    Args:
        model: a folder that `train` or `export` made, or a bare name such as "an4".
        kinds: the problems that it may be of; any by default.
        device: "auto", "cpu" or "cuda"; exported models run on the CPU.
        weights: "best" on dev, or "last" of training; an exported model has its own.

    Returns:
        A `Recognizer`, a `Predictor` of piano rolls, a `Composer` or a `LanguageModel`, by its problem; of an exported
        folder its counterpart, which needs no torch.

    Raises:
        RunError: it is missing, unfinished without weights, damaged, from a newer version, or of another problem.
    """
    if folder.is_exported(Path(model)):
        return opened(folder.open_folder(Path(model)), *kinds)
    from crnn_audio.problems import restore

    return restore.load(model, *kinds, device=device, weights=weights)


def opened(exported: Exported, *kinds: str) -> Any:
    """What runs an exported model, which may have to be of one of these kinds.

    Raises:
        RunError: it is of another kind, or damaged.
    """
    if kinds:
        exported.require(*kinds)
    if exported.kind not in OPENED:
        raise RunError(
            f"{exported.path}: a model for task {exported.kind}, which this version does not run without torch."
        )
    return OPENED[exported.kind](exported)
