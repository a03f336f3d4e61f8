"""Rows of tokens: padding, causality, chunks, and what is sampled row by row is what one pass over the piece says."""

from collections import Counter
from dataclasses import replace
from types import ModuleType

import numpy as np
import pytest
import torch

from crnn_audio.batching import music as batches
from crnn_audio.batching.music import Augmentation, EncodedPiece, Pieces
from crnn_audio.batching.sequence import SequenceFeed, Span
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.symbolic import chorale_tokens, melody_tokens, quartet_tokens
from crnn_audio.symbolic.representation import context_of, contexts_of
from crnn_audio.symbolic.score import Key, Score, TimeSignature
from crnn_audio.tasks.music_generation import GeneratedRows, Request, generate, token_nats
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.types import SequenceBatch
from tests import events as made

CLOSE = {"rtol": 1e-9, "atol": 1e-9}
each_kind = pytest.mark.parametrize(
    "kind", [chorale_tokens, melody_tokens, quartet_tokens], ids=["chorale", "melody", "quartet"]
)
each_cell = pytest.mark.parametrize("cell", ["rnn", "gru", "lstm", "tcn"])
each_ahead = pytest.mark.parametrize("ahead", [False, True], ids=["", "ahead"])


def whole(pieces: list[EncodedPiece], sampled: np.ndarray | None = None, *, ahead: bool = False):
    every = np.ones(pieces[0].rows.shape[1], dtype=bool) if sampled is None else sampled
    spans = [Span(index, 0, len(piece.rows)) for index, piece in enumerate(pieces)]
    return batches.batch([(piece, every) for piece in pieces], spans, reads_ahead=ahead)


def all_nats(task: Prediction, batch: SequenceBatch) -> list[np.ndarray]:
    """Of fixed columns too."""
    return token_nats(task, replace(batch, weights=(batch.targets > 0).float()))


def nats(task: Prediction, pieces: list[EncodedPiece], *, ahead: bool = False) -> list[np.ndarray]:
    return token_nats(task, whole(pieces, ahead=ahead))


# ----------------------------------------------------------------------------------------- padding, causality


@each_kind
@each_cell
@each_ahead
def test_a_piece_beside_longer_ones_costs_what_it_costs_alone(kind: ModuleType, cell: str, ahead: bool) -> None:
    task = made.task(kind, cell=cell, ahead=ahead)
    pieces = [made.piece(kind, seed, bars) for seed, bars in ((1, 2), (2, 4), (3, 3))]
    given = np.ones(pieces[0].rows.shape[1], dtype=bool)
    given[0] = not ahead
    together = all_nats(task, whole(pieces, given, ahead=ahead))
    for one, found in zip(pieces, together, strict=True):
        np.testing.assert_allclose(found, all_nats(task, whole([one], given, ahead=ahead))[0], **CLOSE)


@each_kind
@each_cell
def test_a_row_hears_all_before_it_and_nothing_after(kind: ModuleType, cell: str) -> None:
    task, one = made.task(kind, cell=cell), made.piece(kind, 1, bars=4)
    before = nats(task, [one])[0]
    at = 7
    rows = one.rows.copy()
    rows[at, 1] = rows[at, 1] % kind.VOCABULARY[1] + 1
    after = nats(task, [EncodedPiece(one.id, rows, one.context, one.condition)])[0]
    same = (before == after).all(axis=1)
    assert same[:at].all()
    assert not same[at]
    assert not same[at + 1]
    assert not same[at + 2 :].all() or cell == "tcn"


@each_kind
def test_what_is_asked_for_matters_in_every_row(kind: ModuleType) -> None:
    task, one = made.task(kind), made.piece(kind, 1)
    other = EncodedPiece(one.id, one.rows, one.context, one.condition * 0)
    assert (nats(task, [one])[0] != nats(task, [other])[0]).any(axis=1).all()


def test_a_given_voice_is_read_ahead_and_has_no_loss() -> None:
    task, one = made.task(chorale_tokens, ahead=True), made.piece(chorale_tokens, 1)
    sampled = np.array([True, False, True, True, True])
    changed = one.rows.copy()
    changed[20, 1] = changed[20, 1] % chorale_tokens.VOCABULARY[1] + 1
    other = EncodedPiece(one.id, changed, one.context, one.condition)
    before, after = (all_nats(task, whole([piece], sampled, ahead=True))[0] for piece in (one, other))
    assert (before[:20] != after[:20]).all(), "rows before it hear it"
    assert (token_nats(task, whole([one], sampled, ahead=True))[0][:, ~sampled] == 0).all()
    batch = whole([one], sampled, ahead=True)
    loss, carry = task.advance(batch, None)
    assert carry is None
    assert loss.item() == pytest.approx(before[:, sampled].sum())
    assert batch.size == sampled.sum() * len(one.rows)


# ----------------------------------------------------------------------------------------- chunks


@each_kind
@each_cell
@pytest.mark.parametrize("chunk", [1, 5, 100])
@torch.no_grad()
def test_chunks_add_up_to_whole_pieces(kind: ModuleType, cell: str, chunk: int) -> None:
    task, pieces = made.task(kind, cell=cell), [made.piece(kind, seed, 2 + seed % 3) for seed in range(5)]
    feed = SequenceFeed(Pieces([[piece] for piece in pieces], reads_ahead=False), batch_size=2, bptt=chunk, seed=1)
    total, carry, rows = 0.0, None, 0
    for (part,) in feed.steps(0, 0):
        loss, carry = task.advance(part, carry)
        total += loss.item()
        rows += int(part.amount)
    assert rows == sum(len(piece.rows) for piece in pieces)
    assert total == pytest.approx(sum(one.sum() for one in nats(task, pieces)), rel=1e-9)


# ----------------------------------------------------------------------------------------- writing


def asked(kind: ModuleType, seed: int, **changes) -> Request:
    width = len(kind.COLUMNS)
    options = {
        "about": made.ABOUT,
        "condition": (1, 2),
        "seed": seed,
        "primer": np.zeros((0, width), dtype=np.int64),
        "fixed": None,
        "quarters": None,
        "max_rows": 30,
    }
    return Request(**(options | changes))


def as_piece(kind: ModuleType, generated: GeneratedRows, condition: tuple[int, ...] = (1, 2)) -> EncodedPiece:
    return EncodedPiece("", generated.rows, context_of(kind, generated.rows, made.ABOUT), np.array(condition))


@each_kind
@each_cell
@pytest.mark.parametrize("sampling", [Sampling(), Sampling(temperature=0.0), Sampling(top_k=3)])
def test_row_by_row_with_carry_equals_one_pass(kind: ModuleType, cell: str, sampling: Sampling) -> None:
    task = made.task(kind, cell=cell)
    (generated,) = generate(task, kind, [asked(kind, 3)], sampling)
    np.testing.assert_allclose(generated.nats, nats(task, [as_piece(kind, generated)])[0], **CLOSE)


@each_kind
@each_ahead
def test_a_seed_writes_the_same_piece_alone_and_beside_others(kind: ModuleType, ahead: bool) -> None:
    task = made.task(kind, ahead=ahead)
    seeds = [3, 9, 4, 100]
    together = generate(task, kind, [asked(kind, seed) for seed in seeds], Sampling())
    for seed, found in zip(seeds, together, strict=True):
        (alone,) = generate(task, kind, [asked(kind, seed)], Sampling())
        assert np.array_equal(alone.rows, found.rows)
        np.testing.assert_allclose(alone.nats, found.nats, **CLOSE)
    assert len({one.rows.tobytes() for one in together}) == len(seeds), "seeds differ"


@each_kind
def test_a_piece_has_the_same_context_alone_and_beside_others(kind: ModuleType) -> None:
    abouts = [
        made.ABOUT,
        Score(()),
        Score((), time_signatures=(TimeSignature(0.0, 6, 8),), keys=(Key(0.0, -2),), pickup=0.5),
    ]
    random = np.random.default_rng(1).integers(1, 1 + np.array(kind.VOCABULARY), size=(40, 3, len(kind.COLUMNS)))
    together, alone = kind.DecodingState.first(abouts), [kind.DecodingState.first([about]) for about in abouts]
    for rows in random:
        for name in ("context", "quarters", "closes"):
            found = np.concatenate([getattr(places, name) for places in alone])
            assert np.array_equal(getattr(together, name), found)
        for column in range(len(kind.COLUMNS)):
            found = np.stack([made.mask(one, row[:column].tolist()) for one, row in zip(alone, rows, strict=True)])
            assert np.array_equal(together.mask(rows[:, :column]), found)
        together, alone = together.next(rows), [one.next(row[None]) for one, row in zip(alone, rows, strict=True)]


@each_kind
def test_pieces_have_the_same_context_one_by_one_and_all_at_once(kind: ModuleType) -> None:
    scores = [made.MADE[kind](seed, 1 + seed % 4) for seed in range(40)]
    pieces = [kind.encode(score) for score in scores]
    for rows, score, context in zip(pieces, scores, contexts_of(kind, pieces, scores), strict=True):
        assert np.array_equal(context, context_of(kind, rows, score))
    assert contexts_of(kind, [], []) == []


@each_kind
def test_temperature_0_takes_the_likeliest_that_is_allowed(kind: ModuleType) -> None:
    task = made.task(kind)
    (generated,) = generate(task, kind, [asked(kind, 3)], Sampling(temperature=0.0))
    place = kind.DecodingState.first([made.ABOUT])
    batch = whole([as_piece(kind, generated)])
    with torch.inference_mode():
        drawing = task.head.begin(task.model(batch.inputs, batch.lengths).frames, batch.inputs)
        for column in range(len(kind.COLUMNS)):
            log_probs = task.head.log_probs(drawing, column)[0]
            drawing = task.head.with_tokens(drawing, column, batch.targets[..., column])
            place = kind.DecodingState.first([made.ABOUT])
            for row, likely in zip(generated.rows.tolist(), log_probs, strict=True):
                allowed = torch.from_numpy(made.mask(place, row[:column]))[1:]
                assert row[column] == int(likely.masked_fill(~allowed, -torch.inf).argmax()) + 1
                place = place.next(np.array([row]))


@each_kind
def test_every_token_is_allowed_and_the_piece_can_be_read_back(kind: ModuleType) -> None:
    task = made.task(kind)
    for generated in generate(task, kind, [asked(kind, seed, max_rows=60) for seed in range(6)], Sampling()):
        place = kind.DecodingState.first([made.ABOUT])
        for row in generated.rows.tolist():
            for column in range(len(row)):
                assert made.mask(place, row[:column])[row[column]]
            place = place.next(np.array([row]))
        assert kind.decode(generated.rows, made.ABOUT).parts


@each_kind
def test_a_primer_begins_the_piece_and_is_paid_for(kind: ModuleType) -> None:
    task, primer = made.task(kind), made.piece(kind, 5).rows[:9]
    (generated,) = generate(task, kind, [asked(kind, 3, primer=primer)], Sampling())
    assert np.array_equal(generated.rows[:9], primer)
    assert len(generated.rows) > 9 or generated.ended
    np.testing.assert_allclose(generated.nats, nats(task, [as_piece(kind, generated)])[0], **CLOSE)


@each_kind
def test_a_length_in_quarters_is_kept_to(kind: ModuleType) -> None:
    task = made.task(kind)
    for generated in generate(
        task, kind, [asked(kind, seed, quarters=8.0, max_rows=400) for seed in range(5)], Sampling()
    ):
        assert generated.ended
        place = kind.DecodingState.first([made.ABOUT])
        for row in generated.rows.tolist():
            place = place.next(np.array([row]))
        assert place.quarters >= 8
        assert (generated.rows[:-1, 0] != kind.END).all()


@each_kind
def test_a_piece_that_closes_ends_on_the_tonics_chord_once_it_is_long_enough(kind: ModuleType) -> None:
    requests = [asked(kind, seed, quarters=8.0, max_rows=400, closing=True) for seed in range(8)]
    ended = 0
    for generated in generate(made.task(kind), kind, requests, Sampling()):
        place = kind.DecodingState.first([made.ABOUT])
        for time, row in enumerate(generated.rows):
            closes = place.closes[0] and place.quarters[0] >= 8 and made.mask(place, ())[kind.END]
            assert (row[0] == kind.END) == closes, time
            place = place.next(row[None])
        ended += generated.ended
    assert ended or kind is chorale_tokens, "noise in four voices seldom is the tonic's chord"


def test_a_kept_voice_is_kept_and_read_ahead() -> None:
    task, one = made.task(chorale_tokens, ahead=True), made.piece(chorale_tokens, 5)
    kept = np.zeros_like(one.rows)
    kept[:, 1] = one.rows[:, 1]
    found = generate(
        task, chorale_tokens, [asked(chorale_tokens, seed, fixed=kept, max_rows=200) for seed in (3, 4)], Sampling()
    )
    sampled_columns = np.array([True, False, True, True, True])
    for generated in found:
        assert generated.ended
        assert np.array_equal(generated.rows[:, 1], one.rows[:, 1])
        again = all_nats(task, whole([as_piece(chorale_tokens, generated)], sampled_columns, ahead=True))[0]
        np.testing.assert_allclose(generated.nats, again, **CLOSE)
    assert not np.array_equal(found[0].rows, found[1].rows)


def test_a_piece_with_a_kept_voice_is_the_same_beside_a_longer_one_and_one_without() -> None:
    task = made.task(chorale_tokens, ahead=True)
    requests = []
    for seed, bars in ((3, 2), (4, 4)):
        rows = made.piece(chorale_tokens, seed, bars).rows
        kept = np.zeros_like(rows)
        kept[:, 1] = rows[:, 1]
        requests.append(asked(chorale_tokens, seed, fixed=kept, max_rows=200))
    requests.append(asked(chorale_tokens, 8))
    together = generate(task, chorale_tokens, requests, Sampling())
    for request, found in zip(requests, together, strict=True):
        (alone,) = generate(task, chorale_tokens, [request], Sampling())
        assert np.array_equal(alone.rows, found.rows)


# ----------------------------------------------------------------------------------------- what varies in training


def test_what_is_given_depends_on_seed_epoch_and_piece_alone() -> None:
    pieces = [[made.piece(chorale_tokens, seed)] for seed in range(40)]
    augmentation = Augmentation(seed=1, fixed_voice_probability=0.5, condition_dropout=0.3)
    first = [augmentation.piece(one, 2) for one in pieces]
    again = [augmentation.piece(one, 2) for one in reversed(pieces)][::-1]
    for (a, sampled), (b, same) in zip(first, again, strict=True):
        assert np.array_equal(sampled, same)
        assert np.array_equal(a.condition, b.condition)
    assert 8 < sum(not sampled.all() for _, sampled in first) < 32
    assert all(sampled.any() for _, sampled in first)
    other = [augmentation.piece(one, 3)[1] for one in pieces]
    assert any(not np.array_equal(a[1], b) for a, b in zip(first, other, strict=True))


def test_the_melody_is_given_alone_most_often_and_every_other_choice_comes() -> None:
    parts = _parts(made.piece(chorale_tokens, 1))
    pieces = [[EncodedPiece(str(name), *parts)] for name in range(600)]
    augmentation = Augmentation(seed=1, fixed_voice_probability=1.0, melody=1)
    given = Counter(tuple(np.flatnonzero(~augmentation.piece(one, 0)[1]).tolist()) for one in pieces)
    assert given.most_common(1)[0][0] == (1,)
    assert 0.25 < given[1,] / 600 < 0.4
    assert len(given) == 2**5 - 2, "every choice but none and all"


def _parts(piece: EncodedPiece) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    return piece.rows, piece.context, piece.condition


def test_all_transpositions_come_in_time() -> None:
    one = made.piece(chorale_tokens, 1)
    choices = [
        EncodedPiece(one.id, chorale_tokens.transposed(one.rows, up), one.context, one.condition) for up in range(-3, 4)
    ]
    augmentation = Augmentation(seed=1)
    seen = {augmentation.piece(choices, epoch)[0].rows.tobytes() for epoch in range(60)}
    assert len(seen) == len(choices)
