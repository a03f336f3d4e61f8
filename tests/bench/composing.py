"""How fast chorales are written: with the state carried from row to row, and by reading all rows anew for each.

The network is that of recipes/chorales/lstm.yaml with its initial weights: what it writes is noise, and takes as long.
Reading anew is measured at rows evenly spread over the piece, since all of them would take minutes.
"""

import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np
import torch

from crnn_audio.batching.music import EncodedPiece, Pieces
from crnn_audio.batching.sequence import whole
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.inference.music import encoding
from crnn_audio.problems import load_recipe, music
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.symbolic.representation import context_of
from crnn_audio.symbolic.score import Score
from crnn_audio.tasks.music_generation import Request, generate
from crnn_audio.tasks.prediction import Prediction

RECIPE = "chorales/lstm"
CONDITIONS = Conditions({"key": tuple("ABCDEFG"), "metre": ("4/4",)})
ROWS_A_BAR = 16
TOGETHER = 10


def figures(rounds: int, bars: int = 64, places: int = 16) -> dict[str, Any]:
    """Seconds to write a piece of so many bars, alone and of ten together, in turn; and to read it anew row by row."""
    recipe = load_recipe(RECIPE, "threads=1")
    task = music.task(recipe, music.Assets(CONDITIONS)).eval()
    about = encoding.about({}, tempo=100.0)
    piece = written(task, about, 1, bars)
    alone, together, anew = list[float](), list[float](), list[float]()
    for _ in range(rounds):
        alone.append(timed(lambda: written(task, about, 1, bars)))
        together.append(timed(lambda: written(task, about, TOGETHER, bars)))
        anew.append(statistics.fmean(read_anew(task, piece[:length]) for length in spread(len(piece), places)))
    one, ten, row = (statistics.median(found) for found in (alone, together, anew))
    return {
        "bars": bars,
        "rows": len(piece),
        "rows_per_second": len(piece) / one,
        "anew_rows_per_second": 1 / row,
        "ratio": row * len(piece) / one,
        "ten_against_one": ten / one,
        "times_real_time": 60 * 4 * bars / about.tempo / one,
    }


def written(task: Prediction, about: Score, count: int, bars: int) -> np.ndarray:
    """The rows of the first of `count` pieces that are written side by side."""
    width = len(encoding.REPRESENTATIONS["chorale"].COLUMNS)
    nothing = np.zeros((0, width), dtype=np.int64)
    requests = [Request(about, (1, 1), seed, nothing, None, 4.0 * bars, 10_000) for seed in range(count)]
    return generate(task, encoding.REPRESENTATIONS["chorale"], requests, Sampling())[0].rows


def timed(work: Callable[[], object]) -> float:
    started = time.perf_counter()
    work()
    return time.perf_counter() - started


def spread(rows: int, places: int) -> Iterator[int]:
    return (max(round(rows * (place + 0.5) / places), 1) for place in range(places))


@torch.inference_mode()
def read_anew(task: Prediction, rows: np.ndarray) -> float:
    """Seconds to read all these rows for the sake of the next one."""
    about, representation = encoding.about({}), encoding.REPRESENTATIONS["chorale"]
    piece = EncodedPiece("", rows, context_of(representation, rows, about), np.array([1, 1]))
    (batch,) = whole(Pieces([[piece]], task.reads_ahead), 1)
    inputs, last = batch.inputs, batch.targets[:, -1:]
    return timed(lambda: task.head.losses(task.model(inputs, batch.lengths).frames[:, -1:], inputs[:, -1:], last))


def lines(found: dict[str, Any]) -> list[str]:
    """For people."""
    return [
        f"composing, a chorale of {found['bars']} bars with carry: {found['rows_per_second']:,.0f} rows a second, "
        f"{found['times_real_time']:,.0f} times as fast as it plays",
        f"composing, all rows read anew for each: {found['anew_rows_per_second']:,.1f} rows a second, "
        f"ratio {found['ratio']:.1f}",
        f"composing, ten in a batch take {found['ten_against_one']:.2f} times as long as one",
    ]
