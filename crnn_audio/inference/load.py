"""One way to load: a run directory or a name of the zoo becomes what its task can do."""

from pathlib import Path

from crnn_audio import build, runs
from crnn_audio.errors import RunError
from crnn_audio.inference.recognizer import Recognizer


def load(model: str | Path, *, device: str = "auto", weights: str = "best") -> Recognizer:
    """Opens a trained model by the path of its run directory or by its name in the zoo.

    Args:
        model: a folder that `train` made, or a bare name such as "an4".
        device: "auto", "cpu" or "cuda".
        weights: "best" on dev, or "last" of training.

    Raises:
        RunError: it is missing, unfinished without weights, damaged, or from a newer version.
    """
    run = runs.open_run(model)
    task = build.of_run(run)
    try:
        task.model.load_state_dict(run.weights(weights))
    except RuntimeError as error:
        raise RunError(f"{run.path}: the weights do not fit the recipe beside them ({error}).") from None
    return Recognizer(run, task.to(build.device(device)))
