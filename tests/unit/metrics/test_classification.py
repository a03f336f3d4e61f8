"""Accuracy, figures of classes, confusions and the confidence below which answers are rejected, counted by hand."""

import numpy as np

from crnn_audio.metrics.classification import ScoredRecording, confusion, reject_below, scores_of
from crnn_audio.metrics.scores import save_pictures


def scored(reference: str, hypothesis: str, confidence: float = 0.9) -> ScoredRecording:
    return ScoredRecording(f"{reference}-{hypothesis}", (reference,), (hypothesis,), confidence, 0.5)


def test_counts_by_hand(tmp_path) -> None:
    recordings = [scored("a", "a"), scored("a", "b", 0.4), scored("b", "b"), scored("b", "b"), scored("c", "a", 0.8)]
    scores = scores_of(recordings, ["a", "b", "c"])
    assert scores.value == 3 / 5
    assert scores.figures["classes"]["a"] == {"count": 2, "recall": 0.5, "precision": 0.5}
    assert scores.figures["classes"]["b"] == {"count": 2, "recall": 1.0, "precision": 2 / 3}
    assert scores.figures["classes"]["c"] == {"count": 1, "recall": 0.0, "precision": 0.0}
    assert confusion(recordings, ["a", "b", "c"]).tolist() == [[1, 1, 0], [0, 2, 0], [1, 0, 0]]
    assert [one.id for one in scores.worst(5)] == ["c-a", "a-b"], "the surest mistake comes first"
    assert scores.kept == {"reject_below": 0.9}
    (path,) = save_pictures(scores.pictures, tmp_path / "new")
    assert path.name == "confusion.png"
    low, high = scores.figures["interval"]
    assert low < 3 / 5 < high


def test_the_threshold_is_the_best_of_all() -> None:
    random = np.random.default_rng(3)
    answers = [(float(random.normal(0.7 if right else 0.5, 0.2)), bool(right)) for right in random.integers(0, 2, 60)]

    def youden(below: float) -> float:
        right = [confidence >= below for confidence, is_right in answers if is_right]
        wrong = [confidence < below for confidence, is_right in answers if not is_right]
        return float(np.mean(right) + np.mean(wrong))

    found = reject_below(answers)
    assert youden(found) == max(youden(confidence) for confidence, _ in answers)
    assert reject_below([(0.3, True)]) == 0.0


def test_higher_is_better() -> None:
    better, worse = scores_of([scored("a", "a")], ["a", "b"]), scores_of([scored("a", "b")], ["a", "b"])
    assert better.better_than(worse.value)
    assert not worse.better_than(better.value)
    assert worse.better_than(None)
