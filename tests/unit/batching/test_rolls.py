"""Inputs of piano rolls: their keys, and what came where the piece was as it is now."""

import numpy as np
import pytest

from crnn_audio.batching.rolls import COPY_SIZE, Rolls, copy_context_of_nothing, inputs_of
from crnn_audio.batching.sequence import Span, whole
from crnn_audio.symbolic.pianoroll import NUM_KEYS, from_notes
from crnn_audio.symbolic.score import Note
from tests.rolls import tune


def test_the_keys_are_inputs_as_they_are() -> None:
    roll = tune(1, 9)
    inputs, recall = inputs_of(roll)
    assert recall is None
    np.testing.assert_array_equal(inputs, roll)


def test_what_came_after_the_longest_earlier_place_is_an_input() -> None:
    pitches = (60, 62, 64, 60, 62, 67, 62, 64, 60)
    roll = from_notes([Note(place, 1, pitch) for place, pitch in enumerate(pitches)], 1)
    inputs, _ = inputs_of(roll, copy_context_of_nothing())
    assert inputs.shape == (9, NUM_KEYS + COPY_SIZE)
    came = [int(keys.argmax()) + 21 if keys.any() else 0 for keys in inputs[:, NUM_KEYS:-1]]
    assert came == [0, 0, 0, 62, 64, 0, 67, 60, 62], "of places that agree equally long the latest"
    assert np.expm1(inputs[:, -1]).round().tolist() == [0, 0, 0, 1, 2, 0, 1, 2, 3]


@pytest.mark.parametrize("cut", [0, 1, 10, 30])
def test_pieces_of_a_piece_hear_what_the_whole_hears(cut: int) -> None:
    roll = np.concatenate([tune(3, 12), tune(3, 12), tune(4, 6)])
    whole, after = inputs_of(roll, copy_context_of_nothing())
    first, recall = inputs_of(roll[:cut], copy_context_of_nothing())
    second, ended = inputs_of(roll[cut:], recall)
    np.testing.assert_array_equal(np.concatenate([first, second]), whole)
    for one, other in zip(ended.match, after.match, strict=True):
        np.testing.assert_array_equal(one, other)


@pytest.mark.parametrize("recall", [False, True])
def test_batches_hold_a_frame_and_the_next(recall: bool) -> None:
    rolls, names = [tune(seed, 10 + 3 * seed) for seed in range(3)], ["a", "b", "c"]
    made = Rolls.of(rolls, names, copy_context=recall)
    inputs, found = made.inputs, made.batch([Span(1, 4, 5), Span(0, 0, 9)])
    assert found.cut_ids == ("b", "a")
    for row, (index, start, length) in enumerate([(1, 4, 5), (0, 0, 9)]):
        np.testing.assert_array_equal(found.inputs[row, :length], inputs[index][start : start + length])
        np.testing.assert_array_equal(found.targets[row, :length], rolls[index][start + 1 : start + length + 1])
        assert not found.inputs[row, length:].any()
        assert not found.targets[row, length:].any()
    assert found.weights.tolist() == [[1] * 5 + [0] * 4, [1] * 9]
    (every,) = whole(made, 3)
    np.testing.assert_array_equal(every.inputs[0, :15], inputs[2][:15])
