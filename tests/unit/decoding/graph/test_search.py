"""The best path and the sum over all paths, against every path there is; batches and streams give the same."""

import math

import numpy as np
import pytest
import torch

from crnn_audio.decoding.graph import decoder as decoding
from crnn_audio.decoding.graph import search
from crnn_audio.decoding.graph.automaton import Builder
from crnn_audio.decoding.graph.decoder import GraphDecoder
from crnn_audio.decoding.graph.topology import composed
from crnn_audio.errors import DataError, RunError
from tests.unit.decoding.graph.automata import every_path, posteriors, random_automaton


@pytest.mark.parametrize("seed", range(12))
def test_the_best_and_the_sum_are_those_of_all_paths(seed: int) -> None:
    automaton = random_automaton(np.random.default_rng(seed))
    graph = composed(automaton, torch.float64)
    log_probs, lengths = posteriors(3, 5, 3, seed), torch.tensor([5, 2, 4])
    sums = search.total(graph, log_probs, lengths)
    found = GraphDecoder(graph).search(log_probs, lengths)
    for row, length in enumerate(lengths.tolist()):
        paths = every_path(automaton, log_probs[row, :length])
        if not paths:
            assert found[row].path.tokens == ()
            assert found[row].score == -math.inf
            assert float(sums[row]) < -1e29
            continue
        best, tokens = max(paths)
        assert found[row].score == pytest.approx(best, abs=1e-9)
        assert found[row].path.tokens == tokens
        expected = torch.tensor([score for score, _ in paths], dtype=torch.float64).logsumexp(0)
        assert float(sums[row]) == pytest.approx(float(expected), abs=1e-9)


def test_the_gradient_of_the_sum_is_that_of_brute_force() -> None:
    automaton = random_automaton(np.random.default_rng(3))
    graph = composed(automaton, torch.float64)
    log_probs = posteriors(2, 4, 3, 1).requires_grad_()
    search.total(graph, log_probs, torch.tensor([4, 3])).sum().backward()
    for row, length in enumerate([4, 3]):
        for frame, token in [(0, 0), (1, 2), (2, 1), (3, 0)]:
            difference = []
            for change in (1e-5, -1e-5):
                moved = log_probs.detach().clone()
                moved[row, frame, token] += change
                scores = torch.tensor([score for score, _ in every_path(automaton, moved[row, :length])])
                difference.append(float(scores.double().logsumexp(0)))
            slope = (difference[0] - difference[1]) / 2e-5
            assert float(log_probs.grad[row, frame, token]) == pytest.approx(slope, abs=1e-5)


def test_where_nothing_fits_there_is_no_gradient_and_no_nan() -> None:
    builder = Builder()
    begin, middle, end = (builder.state() for _ in range(3))
    builder.arc(begin, 1, middle)
    builder.arc(middle, 1, end)
    builder.end(end)
    graph = composed(builder.built(), torch.float64)
    log_probs = posteriors(1, 2, 2, 0).requires_grad_()  # two of the same token need three frames
    found = search.total(graph, log_probs, torch.tensor([2]))
    found.sum().backward()
    assert float(found.detach()) < -1e29
    assert log_probs.grad.isfinite().all()


def test_alone_as_in_a_batch_of_any_order_to_the_bit() -> None:
    graph = composed(random_automaton(np.random.default_rng(5), 4, 3))
    log_probs, lengths = posteriors(4, 30, 4, 0, torch.float32), torch.tensor([30, 11, 1, 22])
    together = GraphDecoder(graph).search(log_probs, lengths)
    for row, length in enumerate(lengths.tolist()):
        assert GraphDecoder(graph).search(log_probs[row : row + 1, :length], lengths[row : row + 1])[0] == together[row]
    assert GraphDecoder(graph).search(log_probs.flip(0), lengths.flip(0))[::-1] == together


@pytest.mark.parametrize("chunk", [1, 7, 120])
def test_a_stream_gives_what_the_whole_gives(chunk: int, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(decoding, "MARGIN", 15.0)
    for seed in range(2):
        graph = composed(random_automaton(np.random.default_rng(seed), 4, 3), torch.float64)
        log_probs = posteriors(1, 120, 4, seed)
        whole = GraphDecoder(graph).decode(log_probs, torch.tensor([120]))[0]
        monkeypatch.setattr(decoding, "PIECE", 20)
        decoder, state, stable = GraphDecoder(graph), None, ()
        for begin in range(0, 120, chunk):
            state = decoder.step(log_probs[0, begin : begin + chunk], state)
            assert state.path.tokens[: len(stable)] == stable, "what is stable changed"
            assert state.best.tokens[: len(state.path.tokens)] == state.path.tokens
            stable = state.path.tokens
        path, after = decoder.finish(state)
        monkeypatch.undo()
        monkeypatch.setattr(decoding, "MARGIN", 15.0)
        assert path == whole
        assert path.tokens[: len(stable)] == stable
        assert stable, "nothing was stable before the end"
        assert (after.num_frames, after.path.tokens) == (120, ())


def test_memory_is_bounded_where_nothing_is_common(monkeypatch: pytest.MonkeyPatch) -> None:
    """Two ways that stay apart for ever and are equally likely."""
    monkeypatch.setattr(decoding, "PIECE", 5)
    monkeypatch.setattr(decoding, "LONGEST", 20)
    builder = Builder()
    start, *ways = (builder.state() for _ in range(3))
    for way, token in zip(ways, (1, 2), strict=True):
        builder.arc(start, token, way)
        builder.arc(way, 3, way)
        builder.end(way)
    decoder = GraphDecoder(composed(builder.built()))
    state = None
    for _ in range(40):
        state = decoder.step(torch.full((3, 4), math.log(0.25)), state)
        assert len(state.scores) <= 20
    path, _ = decoder.finish(state)
    assert path.tokens[0] in (1, 2)
    assert set(path.tokens[1:]) <= {3}


def test_nan_and_nothing_to_say() -> None:
    graph = composed(random_automaton(np.random.default_rng(0)))
    log_probs = torch.full((1, 3, 3), float("nan"))
    with pytest.raises(RunError, match="m: the model computes NaN"):
        GraphDecoder(graph, "m").decode(log_probs, torch.tensor([3]))
    with pytest.raises(RunError, match="NaN"):
        GraphDecoder(graph).step(log_probs[0], None)
    builder = Builder()
    builder.arc(builder.state(), 1, builder.state())
    with pytest.raises(DataError, match="nothing may be said"):
        builder.built()
