"""One way to load: a run directory or a name of the zoo becomes what its task can do."""

from collections.abc import Callable
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from crnn_audio import build, hardware, runs
from crnn_audio.config.music import MusicRecipe
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.config.text import TextRecipe
from crnn_audio.errors import RunError
from crnn_audio.inference.composer import Composer
from crnn_audio.inference.predictor import Predictor
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.inference.writer import Writer
from crnn_audio.runs import Run
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.tasks.recognition import Recognition

Model = Recognizer | Predictor | Composer | Writer
Kind = TypeVar("Kind", Recognizer, Composer, Writer)
Task = TypeVar("Task", Recognition, Prediction)


def load(model: str | Path, *, device: str = "auto", weights: str = "best") -> Model:
    """Opens a trained model by the path of its run directory or by its name in the zoo.

    Args:
        model: a folder that `train` made, or a bare name such as "an4".
        device: "auto", "cpu" or "cuda".
        weights: "best" on dev, or "last" of training.

    Returns:
        A `Recognizer` where the model hears speech, a `Composer` where it writes music, a `Writer` where it writes
        text, a `Predictor` where it reads piano rolls.

    Raises:
        RunError: it is missing, unfinished without weights, damaged, or from a newer version.
    """
    run = runs.open_run(model)
    if isinstance(run.recipe, RollsRecipe):
        with build.rebuilding(run):
            predicting = build.next_frame(run.recipe)
        _take_weights(run, predicting, weights)
        return Predictor(run, _placed(predicting, device))
    if isinstance(run.recipe, MusicRecipe):
        composing = build.composing(run)
        _take_weights(run, composing, weights)
        return Composer(run, _placed(composing, device))
    if isinstance(run.recipe, TextRecipe):
        writing = build.writing(run)
        _take_weights(run, writing, weights)
        return Writer(run, _placed(writing, device))
    hearing = build.of_run(run)
    _take_weights(run, hearing, weights)
    return Recognizer(run, _placed(hearing, device))


def load_recognizer(model: str | Path, *, device: str = "auto", weights: str = "best") -> Recognizer:
    """As `load`, for who needs speech to be heard.

    Raises:
        RunError: as `load`, or the model hears none.
    """
    return _only(Recognizer, load(model, device=device, weights=weights), attrgetter("speech"))


def load_composer(model: str | Path, *, device: str = "auto", weights: str = "best") -> Composer:
    """As `load`, for who needs music to be written.

    Raises:
        RunError: as `load`, or the model writes none.
    """
    return composer_of(load(model, device=device, weights=weights))


def composer_of(loaded: Model) -> Composer:
    """A model that was loaded, for who needs music to be written.

    Raises:
        RunError: the model writes none.
    """
    return _only(Composer, loaded, attrgetter("events"))


def load_writer(model: str | Path, *, device: str = "auto", weights: str = "best") -> Writer:
    """As `load`, for who needs text to be written or weighed.

    Raises:
        RunError: as `load`, or the model writes none.
    """
    return _only(Writer, load(model, device=device, weights=weights), attrgetter("language"))


def _only(kind: type[Kind], loaded: Model, refusing: Callable[[Run], object]) -> Kind:
    """The model if it is of that kind; else `refusing` its run raises what it is instead."""
    if isinstance(loaded, kind):
        return loaded
    refusing(loaded.run)
    raise AssertionError("a run of another task has said so")


def _placed(task: Task, device: str) -> Task:
    place = build.device(device)
    task.mixed = task.mixed and hardware.precision(place, "bf16")[0] == "bf16"
    return task.to(place)


def _take_weights(run: Run, task: Recognition | Prediction, weights: str) -> None:
    try:
        task.model.load_state_dict(run.weights(weights))
    except RuntimeError as error:
        raise RunError(f"{run.path}: the weights do not fit the recipe beside them ({error}).") from None
