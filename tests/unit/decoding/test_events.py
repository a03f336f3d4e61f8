"""Events by hand, against brute force, and of pieces as of the whole."""

import numpy as np
import pytest

from crnn_audio.decoding import events
from crnn_audio.decoding.events import Event, EventOptions, EventState


def bits(text: str) -> np.ndarray:
    return np.array([[float(one == "#")] for one in text])


@pytest.mark.parametrize(
    ("frames", "options", "spans"),
    [
        ("..###..##.", {}, [(2, 5), (7, 9)]),
        ("..###..##.", {"gap": 2}, [(2, 9)]),
        ("..###..##.", {"gap": 1, "minimum": 3}, [(2, 5)]),
        (".#..###.##", {"median": 3}, [(4, 10)]),  # at the end of the recording there is silence
        ("##########", {}, [(0, 10)]),
        ("..........", {"gap": 3}, []),
    ],
)
def test_segments(frames: str, options: dict, spans: list) -> None:
    found = events.decode(bits(frames), EventOptions("segments", (0.5,), **options))
    assert [(one.start, one.end) for one in found] == spans


def test_a_median_filter_is_that_of_scipy() -> None:
    from scipy.ndimage import median_filter

    active = np.random.default_rng(0).uniform(size=400) > 0.5
    for size in (1, 3, 7, 31):
        np.testing.assert_array_equal(events.median(active, size), median_filter(active, size, mode="constant", cval=0))


def test_onsets_are_the_highest_of_their_neighbourhood_above_the_threshold_of_their_label() -> None:
    probs = np.array([[0.1, 0.2], [0.6, 0.2], [0.9, 0.3], [0.7, 0.2], [0.8, 0.1], [0.8, 0.1], [0.1, 0.1]])
    found = events.decode(probs, EventOptions("onsets", (0.5, 0.25), radius=1))
    assert found == [Event(2, 3, 0, 0.9), Event(2, 3, 1, 0.3), Event(4, 5, 0, 0.8)]


def test_a_note_lasts_until_its_pitch_falls_silent_or_begins_again() -> None:
    onsets = np.array([0.0, 0.9, 0.0, 0.0, 0.8, 0.0, 0.0, 0.0, 0.7, 0.0])
    sounds = np.array([0.0, 0.1, 0.9, 0.9, 0.9, 0.9, 0.2, 0.9, 0.1, 0.1])
    found = events.decode(np.stack([onsets, sounds], axis=1), EventOptions("notes", (0.5,), 0.5, radius=2))
    assert [(one.start, one.end) for one in found] == [(1, 4), (4, 6), (8, 9)]


@pytest.mark.parametrize("kind", ["segments", "onsets", "notes"])
def test_pieces_give_the_events_of_the_whole(kind: str) -> None:
    generator = np.random.default_rng(1)
    for _ in range(60):
        labels, length = int(generator.integers(1, 4)), int(generator.integers(1, 120))
        probs = generator.uniform(size=(length, labels * (1 + (kind == "notes")))) ** 3
        options = EventOptions(
            kind, tuple(generator.uniform(0.2, 0.6, labels)), 0.4, median=int(generator.choice([1, 3, 5])),
            gap=int(generator.integers(0, 4)), minimum=int(generator.integers(1, 4)),
            radius=int(generator.integers(1, 4)),
        )  # fmt: skip
        state: EventState | None = None
        found, at = list[Event](), 0
        while at < length:
            size = int(generator.integers(0, 15))
            new, state = events.step(probs[at : at + size], state, options, last=at + size >= length)
            found += new
            at += size
        assert sorted(found) == events.decode(probs, options)


def test_memory_is_that_of_the_longest_open_event() -> None:
    options, state, most = EventOptions("onsets", (0.5, 0.5), radius=2), None, 0
    generator = np.random.default_rng(2)
    for _ in range(300):
        _, state = events.step((generator.uniform(size=(50, 2)) > 0.97).astype(float), state, options)
        most = max(most, len(state.probs))
    assert most < 500
