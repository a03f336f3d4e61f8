"""Misses against false alarms, counted by a loop over all thresholds."""

import numpy as np

from crnn_audio.metrics.events import alarms, misses
from crnn_audio.metrics.scores import save_pictures


def counted(scores: np.ndarray, threshold: float, gap: int) -> int:
    count, quiet = 0, 0
    for score in scores:
        if quiet > 0:
            quiet -= 1
        elif score >= threshold:
            count, quiet = count + 1, gap - 1
    return count


def test_an_alarm_is_counted_once_within_the_gap() -> None:
    random = np.random.default_rng(0)
    for gap in (1, 2, 7):
        scores = random.random(300)
        assert alarms(scores, 0.8, gap) == counted(scores, 0.8, gap)
    assert alarms(np.array([1.0, 1.0, 1.0]), 0.5, 3) == 1
    assert alarms(np.zeros(0), 0.5, 3) == 0


def test_the_threshold_is_the_least_that_keeps_to_the_wanted_rate(tmp_path) -> None:
    random = np.random.default_rng(1)
    background = [random.beta(1, 6, 400) for _ in range(3)]
    keywords = random.beta(4, 2, 50).tolist()
    curve = misses(keywords, background, 2.0, 5)
    for wanted in (0.0, 0.5, 1.0, 10.0):
        threshold = curve.thresholds[curve.at(wanted)]
        assert sum(counted(one, threshold, 5) for one in background) / 2 <= wanted
        missed = np.mean([score < threshold for score in keywords])
        assert curve.miss_rates[curve.at(wanted)] == missed
        lower = [one for one in (*keywords, *np.concatenate(background)) if one < threshold]
        if lower:
            assert sum(counted(one, max(lower), 5) for one in background) / 2 > wanted
    assert (np.diff(curve.miss_rates) >= 0).all()
    (path,) = save_pictures([curve], tmp_path)
    assert path.name == "misses.png"


def test_without_any_alarm_the_lowest_threshold_does() -> None:
    curve = misses([0.4, 0.9], [np.zeros(10)], 1.0, 1)
    assert curve.miss_rates[curve.at(0.0)] == 0.0
