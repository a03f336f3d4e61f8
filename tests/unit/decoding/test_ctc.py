"""Greedy decoding and feasibility against every path there is."""

import itertools
import math

import numpy as np
import pytest
import torch
from torch import Tensor

from crnn_audio.decoding.ctc import Greedy
from crnn_audio.decoding.greedy import GreedyState, needed_frames
from crnn_audio.decoding.paths import Path
from crnn_audio.errors import RunError


def collapse(path: tuple[int, ...]) -> tuple[int, ...]:
    """Repeats merged, then blanks dropped, as Graves et al. define it."""
    return tuple(token for token, _ in itertools.groupby(path) if token != 0)


def spans(path: tuple[int, ...]) -> list[tuple[int, int, int]]:
    """Token, first frame and the frame after the last, of each run that is no blank."""
    found, at = [], 0
    for token, run in itertools.groupby(path):
        end = at + len(list(run))
        if token != 0:
            found.append((token, at, end))
        at = end
    return found


def posteriors(frames: int, tokens: int, seed: int) -> Tensor:
    generator = torch.Generator().manual_seed(seed)
    return (2 * torch.randn(frames, tokens, generator=generator, dtype=torch.float64)).log_softmax(-1)


def score(log_probs: Tensor, path: tuple[int, ...]) -> float:
    return sum(log_probs[frame, token].item() for frame, token in enumerate(path))


@pytest.mark.parametrize("frames", [1, 2, 3, 5, 6])
@pytest.mark.parametrize("tokens", [2, 3])
def test_greedy_is_the_best_of_all_paths_with_its_times(frames: int, tokens: int) -> None:
    for seed in range(15):
        log_probs = posteriors(frames, tokens, seed)
        best = max(itertools.product(range(tokens), repeat=frames), key=lambda path: score(log_probs, path))
        (found,) = Greedy().decode(log_probs.unsqueeze(0), torch.tensor([frames]))
        assert found.tokens == collapse(best)
        assert list(zip(found.tokens, found.starts, found.ends, strict=True)) == spans(best)
        peaks = [log_probs[start:end, token].exp().max().item() for token, start, end in spans(best)]
        assert list(found.probs) == pytest.approx(peaks, rel=1e-12)
        blanks = [log_probs[at, 0].exp().item() for at, token in enumerate(best) if token == 0]
        assert found.blank_prob == pytest.approx(min(blanks, default=1.0), rel=1e-12)


def test_the_greedy_path_is_the_forced_alignment_of_its_own_transcript() -> None:
    lengths = set()
    for seed in range(25):
        log_probs = posteriors(6, 3, seed)
        (found,) = Greedy().decode(log_probs.unsqueeze(0), torch.tensor([6]))
        alignments = [path for path in itertools.product(range(3), repeat=6) if collapse(path) == found.tokens]
        aligned = max(alignments, key=lambda path: score(log_probs, path))
        assert list(zip(found.tokens, found.starts, found.ends, strict=True)) == spans(aligned)
        lengths.add(len(found.tokens))
    assert lengths >= {2, 3, 4, 6}


def test_frames_past_the_length_are_not_looked_at() -> None:
    log_probs = torch.stack([posteriors(9, 4, seed) for seed in range(3)])
    lengths = torch.tensor([9, 4, 0])
    alone = [
        Greedy().decode(log_probs[row : row + 1, :length], torch.tensor([length]))[0]
        for row, length in enumerate([9, 4])
    ]
    assert Greedy().decode(log_probs, lengths) == [*alone, Path((), (), (), (), 1.0)]


def test_nan_is_refused_but_past_the_length() -> None:
    log_probs = posteriors(6, 4, 0).unsqueeze(0)
    log_probs[0, 4] = float("nan")
    assert Greedy().decode(log_probs, torch.tensor([4]))
    with pytest.raises(RunError, match="its weights are damaged, or had diverged"):
        Greedy().decode(log_probs, torch.tensor([5]))


def test_a_token_may_come_twice_only_around_a_blank() -> None:
    def certain(*ids: int) -> Tensor:
        return torch.nn.functional.one_hot(torch.tensor([ids]), 3).double().clamp(min=1e-9).log()

    (merged,) = Greedy().decode(certain(1, 1, 1, 2), torch.tensor([4]))
    assert (merged.tokens, merged.starts, merged.ends) == ((1, 2), (0, 3), (3, 4))
    (apart,) = Greedy().decode(certain(1, 0, 1, 1), torch.tensor([4]))
    assert (apart.tokens, apart.starts, apart.ends) == ((1, 1), (0, 2), (1, 4))
    (silent,) = Greedy().decode(certain(0, 0, 0, 0), torch.tensor([4]))
    assert (silent.tokens, silent.probs) == ((), ())


@pytest.mark.parametrize("seed", range(5))
def test_pieces_of_any_size_give_the_same_path(seed: int) -> None:
    log_probs, random = posteriors(40, 4, seed), np.random.default_rng(seed)
    ids = log_probs.argmax(dim=-1)
    decoder, state, at = Greedy(), GreedyState(), 0
    while at < 40:
        until = at + int(random.integers(0, 6))
        state = decoder.step(log_probs[at:until], state)
        at = until
        (whole,) = decoder.decode(log_probs[:until].unsqueeze(0), torch.tensor([min(until, 40)]))
        assert state.path == whole
        assert decoder.finish(state)[0] == whole
        trailing = list(itertools.takewhile(lambda token: token == 0, reversed(ids[:until].tolist())))
        assert (state.num_frames, state.num_blanks) == (min(until, 40), len(trailing))


def test_a_state_is_a_value_from_which_one_may_decode_on_twice() -> None:
    decoder = Greedy()
    state = decoder.step(posteriors(8, 4, 0), None)
    before = (state.path, state.num_frames, state.num_blanks)
    one, other = decoder.step(posteriors(5, 4, 1), state), decoder.step(posteriors(5, 4, 2), state)
    assert one.path != other.path
    decoder.finish(state)
    assert decoder.step(posteriors(5, 4, 1), state) == one
    assert (state.path, state.num_frames, state.num_blanks) == before


def frames(ids: list[int], probs: list[float]) -> Tensor:
    """Log-probabilities of four tokens in which these are the likeliest."""
    log_probs = torch.full((len(ids), 4), -math.inf, dtype=torch.float64)
    log_probs[range(len(ids)), ids] = torch.tensor(probs, dtype=torch.float64).log()
    return log_probs


def back(prob: float) -> float:
    """What is left of a probability after its logarithm was taken."""
    return math.exp(math.log(prob))


def test_a_finished_utterance_is_forgotten_but_not_the_time() -> None:
    decoder = Greedy()
    path, state = decoder.finish(decoder.step(frames([0, 1, 1, 0], [0.6, 0.7, 0.8, 0.9]), None))
    assert path == Path((1,), (1,), (3,), (back(0.8),), back(0.6))
    assert state.path == Path((), (), (), (), 1.0)
    assert (state.num_frames, state.num_blanks) == (4, 1)
    state = decoder.step(frames([1, 0], [0.5, 0.4]), state)
    assert state.path == Path((1,), (4,), (5,), (back(0.5),), back(0.4))


def test_a_token_that_is_cut_in_two_is_decoded_once() -> None:
    decoder = Greedy()
    path, state = decoder.finish(decoder.step(frames([1, 2], [0.5, 0.5]), None))
    assert path.tokens == (1, 2)
    state = decoder.step(frames([2, 2, 3, 0, 3], [0.5] * 5), state)
    assert (state.path.tokens, state.path.starts) == ((3, 3), (4, 6))


def test_nan_in_a_stream_is_refused() -> None:
    log_probs = posteriors(6, 4, 0)
    log_probs[4] = math.nan
    state = Greedy().step(log_probs[:4], None)
    with pytest.raises(RunError, match="its weights are damaged, or had diverged"):
        Greedy().step(log_probs[4:], state)


def test_needed_frames_are_those_of_the_shortest_path_there_is() -> None:
    shortest: dict[tuple[int, ...], int] = {}
    for frames in range(8):
        for path in itertools.product(range(3), repeat=frames):
            shortest.setdefault(collapse(path), frames)
    targets = [target for count in range(5) for target in itertools.product([1, 2], repeat=count)]
    assert len(targets) == 31
    for target in targets:
        assert needed_frames(target) == shortest[target]
        assert needed_frames(list(target)) == shortest[target]
