"""Trained models for other runtimes."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import report
from crnn_audio.decoding.options import NONE, DecodingOptions
from crnn_audio.verbs.arguments import ModelArgument


class Target(StrEnum):
    """What an exported model is for."""

    onnx = "onnx"
    sherpa = "sherpa"


def export(
    model: ModelArgument,
    out: Annotated[Path, typer.Option(metavar="DIR", help="The folder to write.")],
    to: Annotated[Target, typer.Option(help="onnx runs here without torch; sherpa runs in sherpa-onnx.")] = Target.onnx,
    int8: Annotated[bool, typer.Option("--int8", help="Weights of 8 bits: a quarter of the size.")] = False,
) -> None:
    """Write a model as an ONNX graph.

    The graph is compared with the model before anything is written. `crnn-audio transcribe DIR` and `stream DIR` run it
    without torch; sherpa-onnx runs it in C++, C, Java, Swift, JavaScript and others, on telephones too.
    """
    from crnn_audio.problems.exporting import export

    folder, commands = export(model, out, to=to.value, int8=int8)
    report(f"Exported to {folder}. It is used with:")
    print("\n".join(commands))


def exported(model: str, device: str, weights: str, *kinds: str) -> Any | None:
    """The form of a model that runs without torch, opened, where there is one.

    Raises:
        RunError: it is damaged, or of none of these kinds.
    """
    from crnn_audio.inference.exported import light

    found = light.exported(model, device, weights, _make, *kinds)
    if found is None:
        return None
    from crnn_audio.problems import opening

    return opening.opened(found, *kinds)


def opened(model: str, kind: str, device: str, weights: str) -> Any:
    """A model of a kind as people use it: without torch where it has such a form.

    Raises:
        RunError: there is none, or it is damaged or of another kind.
    """
    if (found := exported(model, device, weights, kind)) is not None:
        return found
    from crnn_audio.problems.restore import load

    own = load(model, kind, device=device, weights=weights)
    if not own.run.finished:
        report(f"{model}: this run is not finished; these are its best weights so far.")
    return own


def is_exported(path: Path) -> bool:
    """Whether a folder holds an exported model, without importing what runs it."""
    return (path / "export.json").is_file()


def decodes_greedily(model: str, decoding: DecodingOptions = NONE) -> bool:
    """Whether a model decodes greedily with these options: where they do not, and the run keeps no decoder.

    Raises:
        RunError: there is no such model, or its decoder is damaged.
    """
    from crnn_audio import runs
    from crnn_audio.decoding import carried

    return decoding.over(carried.load(runs.locate(model))).is_greedy


def refuse(model: str, why: str) -> None:
    """Refuses an exported folder for what needs the run.

    Raises:
        RunError: it is one.
    """
    from crnn_audio.errors import RunError
    from crnn_audio.inference.exported import folder

    if folder.is_exported(Path(model)):
        raise RunError(f"{model}: an exported model, which {why}.")


def _make(model: Path, out: Path) -> None:
    from crnn_audio.problems.exporting import export

    export(model, out)
