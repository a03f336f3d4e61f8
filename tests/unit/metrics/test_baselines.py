"""The baselines by hand on a piece of three frames, against loops over keys and frames, and on the real collections."""

import math
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from crnn_audio.corpora import piano_rolls
from crnn_audio.metrics.baselines import independent_key, key_markov
from tests.rolls import tune


def roll(*frames: tuple[int, ...]) -> np.ndarray:
    """A roll in which these keys sound, frame by frame."""
    found = np.zeros((len(frames), 88), dtype=np.uint8)
    for frame, keys in enumerate(frames):
        found[frame, list(keys)] = 1
    return found


def test_by_hand_how_often_a_key_sounds() -> None:
    """Train has three frames, of which key 5 sounds in two and key 6 in one; and half a count more."""
    train, held_out = [roll((5, 9), (5,), (), (5, 6))], [roll((), (5,), (6,))]
    five, six, others = 2.5 / 4, 1.5 / 4, 0.5 / 4
    first = -math.log(five) - math.log(1 - six) - 86 * math.log(1 - others)
    second = -math.log(1 - five) - math.log(six) - 86 * math.log(1 - others)
    assert independent_key(train, held_out) == pytest.approx((first + second) / 2, rel=1e-12)


def test_by_hand_how_often_a_key_sounds_given_whether_it_did() -> None:
    """Of key 5 in train: after sounding it sounds once of two times, after silence once of one time."""
    train, held_out = [roll((5,), (5,), (), (5,))], [roll((5,), (), (5,))]
    goes_on, comes, others = 1.5 / 3, 1.5 / 2, 0.5 / 4
    first = -math.log(1 - goes_on) - 87 * math.log(1 - others)
    second = -math.log(comes) - 87 * math.log(1 - others)
    assert key_markov(train, held_out) == pytest.approx((first + second) / 2, rel=1e-12)


def test_against_loops_over_every_key_and_frame() -> None:
    train, held_out = [tune(1, 30), tune(2, 17), tune(3, 2)], [tune(4, 25), tune(5, 3)]
    alone = {key: [0.5, 1.0] for key in range(88)}
    after = {(key, before): [0.5, 1.0] for key in range(88) for before in (0, 1)}
    for piece in train:
        for t in range(1, len(piece)):
            for key in range(88):
                for counts in (alone[key], after[key, piece[t - 1, key]]):
                    counts[0] += piece[t, key]
                    counts[1] += 1
    nats, frames = [0.0, 0.0], 0
    for piece in held_out:
        for t in range(1, len(piece)):
            frames += 1
            for key in range(88):
                for place, (sounded, seen) in enumerate((alone[key], after[key, piece[t - 1, key]])):
                    chance = sounded / seen
                    nats[place] -= math.log(chance if piece[t, key] else 1 - chance)
    assert independent_key(train, held_out) == pytest.approx(nats[0] / frames, rel=1e-12)
    assert key_markov(train, held_out) == pytest.approx(nats[1] / frames, rel=1e-12)


@pytest.mark.parametrize(("collection", "alone", "markov"), [("jsb", 11.09, 10.49), ("nottingham", 10.26, 5.15)])
def test_on_the_real_test_splits(corpus: Callable[[str], Path], collection: str, alone: float, markov: float) -> None:
    found = piano_rolls.read_splits(corpus("piano_rolls"), collection)
    train, test = ([piece.roll for piece in found[split]] for split in ("train", "test"))
    assert independent_key(train, test) == pytest.approx(alone, abs=0.01)
    assert key_markov(train, test) == pytest.approx(markov, abs=0.01)
