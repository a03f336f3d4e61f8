"""Keywords of a classifier in a stream: how many are missed at the threshold that keeps false alarms rare."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
from jaxtyping import Float

from crnn_audio import audio
from crnn_audio.batching import loader
from crnn_audio.batching.loader import Cuts
from crnn_audio.batching.plan import PlannedCut
from crnn_audio.errors import DataError
from crnn_audio.inference.events import Detection, Windows
from crnn_audio.metrics.events import misses
from crnn_audio.metrics.scores import Scores
from crnn_audio.problems import ScoreOptions
from crnn_audio.runs import Run
from crnn_audio.tasks.classification import Classification

BLOCK = 60.0
"""Seconds of background that are read at once."""
DETECTION = Detection(refractory=2.0)
"""Alarms within two seconds count once."""


def with_misses(
    scores: Scores, task: Classification, labels: Sequence[str], background: Sequence[str], cuts: Cuts,
    options: ScoreOptions,
) -> Scores:  # fmt: skip
    """The scores with the rate of keywords that are missed in a stream; recordings of a background label are left out.

    The threshold is the least at which the background gives no more false alarms an hour than tolerated.

    Raises:
        DataError: the folder is missing, holds nothing that can be read, or is shorter than a window; or no cut has a
            keyword.
    """
    keywords = [index for index, label in enumerate(labels) if label not in background]
    traces, seconds = list[Float[np.ndarray, " N"]](), 0.0
    for probabilities, length in _of_folder(task, options.background or Path()):
        traces.append(probabilities[:, keywords].max(axis=1))
        seconds += length
    found = list(_of_keywords(task, labels, keywords, cuts))
    if not found:
        raise DataError("no recording of the split has a keyword; all its labels are in task.background.")
    gap = max(round(DETECTION.refractory / DETECTION.step), 1)
    curve = misses(found, traces, seconds / 3600, gap)
    place = curve.at(options.false_alarms)
    threshold, rate, alarms = (
        float(numbers[place]) for numbers in (curve.thresholds, curve.miss_rates, curve.per_hour)
    )
    chosen = {"threshold": threshold, "miss_rate": rate, "false_alarms_per_hour": alarms}
    line = (
        f"misses {100 * rate:.2f} % of {len(found)} keywords at {alarms:.2f} false alarms an hour (threshold "
        f"{threshold:.4f}, {seconds / 3600:.2f} hours of background)"
    )
    return replace(
        scores,
        metrics={**scores.metrics, "miss_rate": rate},
        details=(scores.details[0], line, *scores.details[1:]),
        figures={**scores.figures, **chosen, "background_hours": seconds / 3600},
        kept={**scores.kept, **chosen},
        pictures=(*scores.pictures, curve),
    )


def _of_folder(task: Classification, folder: Path) -> Iterator[tuple[Float[np.ndarray, "N K"], float]]:
    """The probabilities of each window of each recording in a folder, and its seconds."""
    paths = sorted(path for path in folder.rglob("*") if path.suffix.lower() in audio.READABLE and path.is_file())
    if not paths:
        raise DataError(f"{folder}: holds no recordings, so there is no background to count false alarms in.")
    rate, total = task.front_end.sample_rate, 0.0
    for path in paths:
        windows, samples, found = Windows(task, DETECTION), 0, list[Float[np.ndarray, "N K"]]()
        with audio.opened(path) as sound:
            for block in sound.blocks(BLOCK, rate, lambda loss: None):
                samples += len(block)
                found.append(windows.add(block))
        found.append(windows.add(np.zeros(0, np.float32), last=True))
        total += samples / rate
        yield np.concatenate(found), samples / rate
    if total < DETECTION.window:
        raise DataError(f"{folder}: too short to hold a window of {DETECTION.window:g} s. Give more background.")


def _of_keywords(task: Classification, labels: Sequence[str], keywords: Sequence[int], cuts: Cuts) -> Iterator[float]:
    """Of each recording of a keyword, the highest score that this keyword has where it is the likeliest one."""
    wanted = [index for index, cut in enumerate(cuts.cuts) if cut.label in {labels[one] for one in keywords}]
    planned = [(0, (PlannedCut(index, 1.0, cuts.cuts[index].duration),)) for index in wanted]
    for index, batch in zip(wanted, loader.batches(cuts, planned), strict=True):
        probabilities = Windows(task, DETECTION).add(batch.audio.waveforms[0].numpy(), last=True)[:, keywords]
        column = [labels[one] for one in keywords].index(str(cuts.cuts[index].label))
        own = probabilities[probabilities.argmax(axis=1) == column, column]
        yield float(own.max(initial=0.0))


def section(run: Run) -> dict[str, str]:
    """What the model card says of keywords in a stream, where a threshold was chosen."""
    threshold, rate, alarms = map(run.chosen, ("threshold", "miss_rate", "false_alarms_per_hour"))
    if threshold is None or rate is None or alarms is None:
        return {}
    words = (
        f"At the threshold {threshold:.4f}, chosen on dev, {100 * rate:.2f} % of the keywords of dev are missed, at "
        f"{alarms:.2f} false alarms an hour of the background that it was chosen with."
    )
    return {"Keywords in a stream": words}
