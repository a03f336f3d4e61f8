"""A folder with an exported model: what it is, whether it is whole, and its graph, opened.

export.json       format, kind, what was exported, how the graph is called, hashes of the files
model.onnx        the graph
front_end.npz     the numbers of the front end, of models that read sound
vocabulary.json, labels.json ...    what stands for its outputs
README.md         the model card, with the licences of what it was trained on
"""

import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import numpy as np
from jaxtyping import Float, Int

from crnn_audio import files, weights
from crnn_audio.errors import RunError

FORMAT = 1
MANIFEST, MODEL = "export.json", "model.onnx"
DAMAGED = "Export it anew."
MISSING = "An exported model runs by onnxruntime, which is not installed: install crnn-audio with the extra `export`."


@dataclass(frozen=True)
class Exported:
    """An open folder; `facts` is what export.json says, and `threads` how many compute its graph.

    By default they are as many as OMP_NUM_THREADS says, or up to four.
    """

    path: Path
    facts: Mapping[str, Any]
    threads: int | None = None

    @property
    def kind(self) -> str:
        """The problem of its model."""
        return str(self.facts["kind"])

    @property
    def maker(self) -> str:
        """What tells it from other models."""
        return str(self.facts["sha256"][MODEL])

    def require(self, *kinds: str) -> None:
        """Makes sure that it is of one of these problems.

        Raises:
            RunError: it is of another.
        """
        if self.kind not in kinds:
            wanted = " or ".join(kinds)
            raise RunError(f"{self.path}: an exported model for task {self.kind}, where one for {wanted} is needed.")

    def fact(self, name: str, kind: type | tuple[type, ...]) -> Any:
        """What export.json says under a name.

        Raises:
            RunError: it says nothing, or something of another type.
        """
        value = self.facts.get(name)
        if not isinstance(value, kind) or (isinstance(value, bool) and kind is int):
            raise damaged(self.path / MANIFEST, f"its {name} is {str(value)[:40]!r}")
        return value


def is_exported(path: Path) -> bool:
    """Whether a folder holds an exported model."""
    return (path / MANIFEST).is_file()


def open_folder(path: Path) -> Exported:
    """Opens a folder that `export` wrote.

    Raises:
        RunError: it is damaged, from a newer version, or for another runtime.
    """
    facts = files.read_json_object(path / MANIFEST, RunError, advice=DAMAGED)
    written = facts.get("format")
    if type(written) is not int or written < 1:
        raise damaged(path / MANIFEST, f"its format is {str(written)[:40]!r}")
    if written > FORMAT:
        raise RunError(
            f"{path}: exported in format {written} by crnn_audio {facts.get('crnn_audio')}; this is "
            f"{version('crnn-audio')}, which reads up to format {FORMAT}. Update crnn_audio."
        )
    if facts.get("target") == "sherpa":
        raise RunError(f"{path}: exported for sherpa-onnx. Export it with `--to onnx` to use it here.")
    found, hashes = Exported(path, facts), facts.get("sha256")
    if not isinstance(facts.get("kind"), str) or not isinstance(hashes, dict) or MODEL not in hashes:
        raise damaged(path / MANIFEST, "it names no kind, or no hashes of files")
    for name, noted in hashes.items():
        _verify(path / name, noted)
    return found


def _verify(path: Path, noted: object) -> None:
    try:
        found = weights.sha256(path)
    except OSError as error:
        raise damaged(path, files.reason(error)) from None
    if found != noted:
        raise damaged(path, f"its SHA-256 is {found[:16]}..., and {MANIFEST} says {str(noted)[:16]}...")


def damaged(path: Path, why: object) -> RunError:
    """The error of a file that holds something else."""
    return RunError(f"{path}: damaged ({why}). {DAMAGED}")


def installed(package: str) -> bool:
    """Whether a package is there, without importing it."""
    return find_spec(package) is not None


def session(exported: Exported, name: str = MODEL) -> Any:
    """A graph of a folder, ready to run on the CPU.

    Raises:
        RunError: onnxruntime is not installed, or the file is none of its graphs.
    """
    path = exported.path / name
    if not installed("onnxruntime"):
        raise RunError(MISSING)
    try:
        return _session(str(path), exported.threads)
    except Exception as error:  # onnxruntime's own have no common class
        raise damaged(path, str(error).partition("\n")[0][:200]) from None


def in_memory(model: Any) -> Any:
    """The same of an ONNX model that lies in no file yet."""
    return _session(model.SerializeToString(), None)


def _session(model: str | bytes, threads: int | None) -> Any:
    import onnxruntime

    options = onnxruntime.SessionOptions()
    asked = os.environ.get("OMP_NUM_THREADS", "")
    options.intra_op_num_threads = threads or (int(asked) if asked.isdigit() else min(os.cpu_count() or 1, 4))
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")  # busy cores wait for each other
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(model, options, providers=["CPUExecutionProvider"])


def convolutions(exported: Exported) -> list[tuple[int, int, int]]:
    """Kernel, stride and padding, in time, of each convolution.

    Raises:
        RunError: export.json says something else.
    """
    found: Any = exported.fact("convolutions", list)
    if not all(isinstance(one, list) and len(one) == 3 and all(type(part) is int for part in one) for one in found):
        raise damaged(exported.path / MANIFEST, "its convolutions are no list of three numbers each")
    return [(kernel, stride, padding) for kernel, stride, padding in found]


def labels(exported: Exported) -> tuple[str, ...]:
    """What its outputs stand for.

    Raises:
        RunError: labels.json holds no list of names.
    """
    path = exported.path / "labels.json"
    found = files.read_json(path, RunError, advice=DAMAGED)
    if not isinstance(found, list) or not found or not all(isinstance(one, str) for one in found):
        raise damaged(path, "it holds no list of labels")
    return tuple(found)


def output_length(layers: Sequence[tuple[int, int, int]], frames: int) -> int:
    """Frames that come out of convolutions of these kernels, strides and paddings."""
    for kernel, stride, padding in layers:
        frames = max((frames + padding - kernel) // stride + 1, 0)
    return frames


def padded(features: Sequence[Float[np.ndarray, "_ F"]]) -> tuple[Float[np.ndarray, "B T F"], Int[np.ndarray, " B"]]:
    """Sequences as one batch with zeros as padding, and their lengths."""
    size = max(map(len, features))
    batch = np.stack([np.pad(one, ((0, size - len(one)), (0, 0))) for one in features])
    return batch.astype(np.float32, copy=False), np.array([len(one) for one in features], np.int64)
