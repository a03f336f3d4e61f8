"""Matched events against mir_eval, and counts that add up."""

import warnings

import mir_eval
import numpy as np
import pytest

from crnn_audio.metrics import labelling
from crnn_audio.metrics.labelling import Counts, ScoredRecording, scores_of

PITCH = 440.0


def intervals(generator: np.random.Generator) -> np.ndarray:
    starts = np.sort(generator.uniform(0, 3, generator.integers(1, 20)).round(3))
    return np.stack([starts, starts + generator.uniform(0.05, 1, len(starts))], axis=1)


@pytest.mark.parametrize("tolerance", [0.05, 0.2])
def test_onsets_and_notes_are_matched_as_mir_eval_does(tolerance: float) -> None:
    generator = np.random.default_rng(0)
    warnings.simplefilter("ignore")
    for _ in range(100):
        mine, theirs = intervals(generator), intervals(generator)
        pitches = np.full(len(mine), PITCH), np.full(len(theirs), PITCH)

        def theirs_of(ratio: float | None, mine=mine, theirs=theirs, pitches=pitches) -> float:
            score = mir_eval.transcription.precision_recall_f1_overlap
            options = {"onset_tolerance": tolerance, "offset_ratio": ratio, "offset_min_tolerance": tolerance}
            return float(score(mine, pitches[0], theirs, pitches[1], **options)[2])

        starts = labelling.onsets(mine[:, 0].tolist(), theirs[:, 0].tolist(), tolerance)
        assert starts.f1 == pytest.approx(theirs_of(None), abs=1e-12)
        whole = labelling.spans([tuple(one) for one in mine], [tuple(one) for one in theirs], tolerance)
        assert whole.f1 == pytest.approx(theirs_of(0.2), abs=1e-12)


def test_counts_add_up() -> None:
    mask, other = np.array([1, 1, 0, 0, 1], dtype=bool), np.array([1, 0, 1, 0, 1], dtype=bool)
    found = labelling.frames(mask, other)
    assert found == Counts(2, 1, 1)
    assert labelling.total([found, Counts(1, 0, 3)]) == Counts(3, 1, 4)
    assert (found.f1, found.precision, found.recall) == (pytest.approx(2 / 3),) * 3
    assert Counts().f1 == 1
    assert labelling.onsets([], [1.0], 0.05) == Counts(0, 1, 0)
    assert labelling.spans([(0.0, 1.0)], [], 0.05) == Counts(0, 0, 1)


def test_the_score_is_the_mean_of_labels_and_of_all_pitches_together() -> None:
    one = ScoredRecording("a", {"onset": {"kick": Counts(1, 0, 1), "snare": Counts(1, 1, 0)}}, "onset")
    scores = scores_of([one, one], 0.5, 60.0)
    assert scores.value == pytest.approx(2 / 3)
    assert scores.metric == "f1_onset"
    assert scores.better_than(0.6)
    assert one.rank == (2,)
    assert one.lines() == ["a: kick: 1 missed, 0 wrong; snare: 0 missed, 1 wrong"]
    notes = ScoredRecording("a", {"onset": {"60": Counts(9, 0, 0), "61": Counts(0, 1, 0)}}, "onset")
    assert scores_of([notes], 0.5, 60.0).value == pytest.approx(18 / 19)
