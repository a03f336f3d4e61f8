"""Sound into symbols and symbols into sound with convolutional-recurrent networks.

The public names, loaded on first use, so that `import crnn_audio` and `crnn-audio --help` never import torch:

    import crnn_audio as ca
    recognizer = ca.load("runs/an4")
    print(recognizer.transcribe("hello.flac").text)

No module of the package imports from here; `make layers` finds one that does.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:  # the same names for type checkers and editors
    from crnn_audio import audio as audio
    from crnn_audio import serving as serving
    from crnn_audio.decoding.options import DecodingOptions as DecodingOptions
    from crnn_audio.decoding.sampling import Sampling as Sampling
    from crnn_audio.errors import CrnnAudioError as CrnnAudioError
    from crnn_audio.errors import DataError as DataError
    from crnn_audio.errors import RecipeError as RecipeError
    from crnn_audio.errors import RunError as RunError
    from crnn_audio.errors import StreamError as StreamError
    from crnn_audio.evaluation.doctor import check as check
    from crnn_audio.evaluation.evaluate import evaluate as evaluate
    from crnn_audio.evaluation.prepare import prepare as prepare
    from crnn_audio.evaluation.prepare import prepare_folder as prepare_folder
    from crnn_audio.evaluation.publish import publish as publish
    from crnn_audio.evaluation.show import show as show
    from crnn_audio.hypotheses import Hypothesis as Hypothesis
    from crnn_audio.hypotheses import Labels as Labels
    from crnn_audio.hypotheses import Word as Word
    from crnn_audio.problems import load_recipe as load_recipe
    from crnn_audio.problems.exporting import export as export
    from crnn_audio.problems.opening import load as load
    from crnn_audio.symbolic.score import Note as Note
    from crnn_audio.symbolic.score import Score as Score
    from crnn_audio.training.run import train as train

    __version__: str

_HOMES = {
    "load_recipe": "problems",
    "prepare": "evaluation.prepare",
    "prepare_folder": "evaluation.prepare",
    "check": "evaluation.doctor",
    "train": "training.run",
    "load": "problems.opening",
    "evaluate": "evaluation.evaluate",
    "export": "problems.exporting",
    "publish": "evaluation.publish",
    "show": "evaluation.show",
    "Note": "symbolic.score",
    "Score": "symbolic.score",
    "Sampling": "decoding.sampling",
    "DecodingOptions": "decoding.options",
    "Hypothesis": "hypotheses",
    "Labels": "hypotheses",
    "Word": "hypotheses",
    "CrnnAudioError": "errors",
    "RecipeError": "errors",
    "DataError": "errors",
    "RunError": "errors",
    "StreamError": "errors",
}
_MODULES = {"audio", "serving"}


def __getattr__(name: str) -> Any:
    if name == "__version__":
        return import_module("importlib.metadata").version("crnn-audio")
    if name in _MODULES:
        return import_module(f"crnn_audio.{name}")
    if name not in _HOMES:
        raise AttributeError(f"module 'crnn_audio' has no attribute {name!r}")
    value = getattr(import_module(f"crnn_audio.{_HOMES[name]}"), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return sorted({"__version__", *_HOMES, *_MODULES})
