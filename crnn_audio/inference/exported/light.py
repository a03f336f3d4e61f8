"""Which models run without torch: exported folders, and those of the zoo, whose exported form is kept once it is made.

Nothing here imports torch, or reads a recipe.
"""

import os
import shutil
from collections.abc import Callable
from pathlib import Path

from crnn_audio import runs, weights
from crnn_audio.errors import RunError
from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.folder import Exported

CACHE = "CRNN_AUDIO_CACHE"
"""The environment variable that names the folder for what can be made again."""


def exported(model: str, device: str, which: str, export: Callable[[Path, Path], None], *kinds: str) -> Exported | None:
    """The exported form of a model, where there is one: an exported folder, or a model of the zoo on a CPU.

    Args:
        export: writes the exported form of a model into a folder, where it is not kept yet.
        kinds: the problems that a model of the zoo may be of; any by default.

    Raises:
        RunError: an exported folder is damaged or from a newer version.
    """
    if folder.is_exported(Path(model)):
        return folder.open_folder(Path(model))
    on_gpu = device == "cuda" or (device == "auto" and Path("/dev/nvidiactl").exists())
    path = runs.locate(model)
    if on_gpu or which != "best" or path.parent != runs.ZOO or not folder.installed("onnxruntime"):
        return None
    try:
        kept = cache() / "exported" / f"{path.name}-{weights.sha256(path / 'best.safetensors')[:16]}-{folder.FORMAT}"
        found = _kept(path, kept, export)
        return found if found and (not kinds or found.kind in kinds) else None
    except (RunError, OSError, RuntimeError):  # a place that cannot be written, or no home: the model itself is there
        return None


def _kept(path: Path, kept: Path, export: Callable[[Path, Path], None]) -> Exported | None:
    """The exported form in its place; made anew where it is missing or damaged."""
    if folder.is_exported(kept):
        try:
            return folder.open_folder(kept)
        except RunError:
            shutil.rmtree(kept, ignore_errors=True)
    if not folder.installed("onnx"):
        return None
    export(path, kept)
    return folder.open_folder(kept)


def cache() -> Path:
    """The folder for what can be made again: $CRNN_AUDIO_CACHE, or one of the user's caches."""
    if named := os.environ.get(CACHE):
        return Path(named)
    return Path(os.environ.get("XDG_CACHE_HOME") or Path.home() / ".cache") / "crnn_audio"


def maker(model: str, which: str) -> str:
    """What tells the results of a model from those of others; empty where it has no weights.

    Raises:
        RunError: it is missing or damaged.
    """
    if folder.is_exported(Path(model)):
        return folder.open_folder(Path(model)).maker
    return runs.open_run(model).weights_hash(which)
