"""The CTC loss against all paths there are, consistency against SciPy, and what a training step is made of."""

import itertools
import math
from typing import Any

import numpy as np
import pytest
import scipy.special
import torch
import torch.nn.functional as F
from torch import Tensor

from crnn_audio.problems import recognition as problem
from crnn_audio.tasks.ctc import Recognition, ctc_losses, divergences
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch, Encoded, SpeechBatch, TokenBatch
from tests.invariants.small import moved
from tests.loading import loads

# ---------------------------------------------------------------------------------------- CTC


def posteriors(*shape: int) -> Tensor:
    return torch.randn(*shape, dtype=torch.float64).log_softmax(-1)


def token_batch(targets: list[list[int]]) -> TokenBatch:
    padded = torch.nn.utils.rnn.pad_sequence([torch.tensor(one, dtype=torch.long) for one in targets], batch_first=True)
    return TokenBatch(padded, torch.tensor([len(one) for one in targets]))


def probability(log_probs: Tensor, target: list[int]) -> float:
    """Of all paths that collapse to the target."""
    probs = log_probs.exp().tolist()
    return sum(
        math.prod(frame[token] for frame, token in zip(probs, path, strict=True))
        for path in itertools.product(range(log_probs.shape[1]), repeat=len(probs))
        if [token for token, _ in itertools.groupby(path) if token] == target
    )


@pytest.mark.parametrize("tokens", [2, 3, 4])
@pytest.mark.parametrize("frames", [1, 2, 4, 5])
def test_ctc_losses_are_summed_over_all_paths(frames: int, tokens: int) -> None:
    targets = [list(one) for n in range(4) for one in itertools.product(range(1, tokens), repeat=n)]
    log_probs = posteriors(len(targets), frames + 2, tokens)
    encoded = Encoded(log_probs, torch.full((len(targets),), frames))
    for row, loss in enumerate(ctc_losses(encoded, token_batch(targets)).tolist()):
        likelihood = probability(log_probs[row, :frames], targets[row])
        wanted = -math.log(likelihood) / max(len(targets[row]), 1) if likelihood else math.inf
        assert loss == pytest.approx(wanted, rel=1e-9)


def test_what_does_not_fit_is_infinite_and_not_hidden() -> None:
    losses = ctc_losses(Encoded(posteriors(2, 3, 4), torch.tensor([2, 3])), token_batch([[1, 1], [1, 1]]))
    assert losses[0] == math.inf
    assert math.isfinite(losses[1])


def test_a_long_utterance_does_not_underflow() -> None:
    encoded = Encoded(posteriors(1, 2000, 30).float(), torch.tensor([2000]))
    (loss,) = ctc_losses(encoded, token_batch([[1 + at % 29 for at in range(400)]])).tolist()
    assert 1 < loss < 100


# ---------------------------------------------------------------------------------------- consistency

LENGTHS = torch.tensor([6, 0, 3])


def test_divergence_of_equal_views_is_zero() -> None:
    view = posteriors(3, 6, 5)
    assert divergences(view, view.clone(), LENGTHS).abs().max() < 1e-15


def test_divergence_is_scipys_in_both_directions_over_the_real_frames() -> None:
    one, other = posteriors(3, 6, 5), posteriors(3, 6, 5)
    p, q = one.exp().numpy(), other.exp().numpy()
    both = (scipy.special.rel_entr(p, q) + scipy.special.rel_entr(q, p)).sum(-1) / 2
    wanted = [both[row, :length].sum() for row, length in enumerate(LENGTHS.tolist())]
    np.testing.assert_allclose(divergences(one, other, LENGTHS), wanted, rtol=1e-12)
    assert (divergences(one, other, LENGTHS) == divergences(other, one, LENGTHS)).all()


def test_a_view_learns_from_the_other_as_if_it_were_a_label() -> None:
    one, other = posteriors(3, 6, 5).requires_grad_(), posteriors(3, 6, 5).requires_grad_()
    found = torch.autograd.grad(divergences(one, other, LENGTHS).sum(), [one, other])
    real = (torch.arange(6) < LENGTHS.unsqueeze(1)).unsqueeze(2)
    # Cross-entropy with fixed targets: were the target side not detached, log p + 1 would appear here.
    torch.testing.assert_close(found[0], -other.detach().exp() / 2 * real, rtol=1e-12, atol=0)
    torch.testing.assert_close(found[1], -one.detach().exp() / 2 * real, rtol=1e-12, atol=0)


# ---------------------------------------------------------------------------------------- the training loss

SAMPLE_RATE = 8000
SAMPLES = [6000, 3000, 4400]
TEXTS = ["abba", "c", "cab"]
VOCABULARY = Vocabulary.build(TEXTS, "characters")


EVERYTHING: dict[str, Any] = {"consistency": 0.3, "intermediate": 0.4}


def recognition(
    *,
    consistency: float = 0.0,
    intermediate: float = 0.0,
    masks: str = "{start_epoch: 2, freq_width: 5}",
    dropout: float = 0.0,
) -> Recognition:
    """One layer, or three with inner heads that have a say."""
    recipe = loads(
        f"""
        task: {{kind: recognition, consistency: {consistency}, intermediate: {intermediate}}}
        data: {{corpus: an4}}
        features: {{kind: fbank, sample_rate: {SAMPLE_RATE}, num_mels: 16, normalize: utterance}}
        augment: {{spec_augment: {masks}}}
        model:
          conv: [{{channels: 3, stride: [2, 2]}}]
          recurrent: {{hidden_size: 8, num_layers: {3 if intermediate else 1}, dropout: {dropout}}}
        """
    )
    return moved(problem.task(recipe, problem.Assets(VOCABULARY, None))).double()


def speech(epoch: int = 2, rows: tuple[int, ...] = (0, 1, 2)) -> SpeechBatch:
    generator = torch.Generator().manual_seed(8)
    waves = [torch.randn(samples, generator=generator, dtype=torch.float64) / 10 for samples in SAMPLES]
    lengths = torch.tensor([SAMPLES[row] for row in rows])
    waveforms = torch.nn.utils.rnn.pad_sequence([waves[row] for row in rows], batch_first=True)
    return SpeechBatch(
        AudioBatch(waveforms, lengths, SAMPLE_RATE),
        token_batch([VOCABULARY.encode(TEXTS[row]) for row in rows]),
        cut_ids=tuple(f"cut-{row}" for row in rows),
        keys=tuple(100 + row for row in rows),
        epoch=epoch,
    )


def views(task: Recognition, batch: SpeechBatch, monkeypatch: pytest.MonkeyPatch) -> Tensor:
    """The features that the network was shown while the loss was computed."""
    shown: list[Tensor] = []
    encode = task.encode

    def noting(features: Tensor, lengths: Tensor) -> Encoded:
        shown.append(features)
        return encode(features, lengths)

    with monkeypatch.context() as patch:
        patch.setattr(task, "encode", noting)
        task.loss(batch)
    (features,) = shown
    return features


def masked_cells(seen: Tensor, plain: Tensor) -> int:
    changed = seen != plain
    assert (seen[changed] == 0).all()
    return int(changed.sum())


@pytest.mark.parametrize("options", [{}, {"consistency": 0.3}, EVERYTHING], ids=["plain", "two", "everything"])
@pytest.mark.parametrize("mode", ["train", "eval"])
@pytest.mark.parametrize("epoch", [0, 2])
def test_the_loss_of_a_batch_is_the_sum_of_its_utterances(mode: str, options: dict[str, Any], epoch: int) -> None:
    task = recognition(**options).train(mode == "train")
    together = task.loss(speech(epoch))
    alone = [task.loss(speech(epoch, (row,))) for row in range(3)]
    assert together.shape == ()
    assert together.item() == pytest.approx(sum(one.item() for one in alone), rel=1e-9)
    assert len({round(one.item(), 6) for one in alone}) == 3


def test_the_loss_is_the_mean_of_two_views_and_their_divergence(monkeypatch: pytest.MonkeyPatch) -> None:
    task, batch = recognition(consistency=0.3), speech()
    shown = views(task, batch, monkeypatch)
    _, lengths = task.features(batch.audio)
    one, other = (task.encode(view, lengths) for view in shown.chunk(2))
    likelihood = (ctc_losses(one, batch.targets) + ctc_losses(other, batch.targets)) / 2
    apart = divergences(one.frames, other.frames, one.lengths)
    wanted = likelihood + 0.3 * apart / torch.tensor([len(text) for text in TEXTS])
    assert task.loss(batch).item() == pytest.approx(wanted.sum().item(), rel=1e-9)
    assert (apart > 1e-6).all()


@pytest.mark.parametrize("consistency", [0.0, 0.3])
def test_inner_heads_share_the_loss_of_each_view(consistency: float, monkeypatch: pytest.MonkeyPatch) -> None:
    task, batch = recognition(consistency=consistency, intermediate=0.4), speech()
    shown = views(task, batch, monkeypatch)
    _, lengths = task.features(batch.audio)
    seen = [task.encode(view, lengths) for view in shown.split(3)]
    tokens = torch.tensor([len(text) for text in TEXTS])

    def ctc(log_probs: Tensor) -> Tensor:
        targets = batch.targets.tokens
        return F.ctc_loss(log_probs.transpose(0, 1), targets, seen[0].lengths, tokens, reduction="none") / tokens

    wanted = torch.zeros(3, dtype=torch.float64)
    for one in seen:
        first, second = one.intermediate
        parts = [ctc(one.frames), ctc(first), ctc(second)]
        assert all((a - b).abs().min() > 1e-3 for a, b in itertools.combinations(parts, 2)), "heads say the same"
        wanted += (0.6 * parts[0] + 0.4 * (parts[1] + parts[2]) / 2) / len(seen)
    if consistency:
        assert len(seen) == 2
        wanted += 0.3 * divergences(seen[0].frames, seen[1].frames, lengths=seen[0].lengths) / tokens
    assert task.loss(batch).item() == pytest.approx(wanted.sum().item(), rel=1e-9)


def test_two_views_differ_from_each_other_and_from_what_was_said(monkeypatch: pytest.MonkeyPatch) -> None:
    task, batch = recognition(consistency=0.3), speech()
    plain, _ = task.features(batch.audio)
    one, other = views(task, batch, monkeypatch).chunk(2)
    for row in range(3):
        assert masked_cells(one[row], plain[row]) > 0
        assert masked_cells(other[row], plain[row]) > 0
        assert not torch.equal(one[row], other[row])


def test_masks_depend_on_the_key_alone(monkeypatch: pytest.MonkeyPatch) -> None:
    task = recognition()
    together, again = views(task, speech(), monkeypatch), views(task, speech(), monkeypatch)
    assert torch.equal(together, again)
    alone = views(task, speech(rows=(2,)), monkeypatch)
    torch.testing.assert_close(together[2, : alone.shape[1]], alone[0], rtol=0, atol=1e-9)


@pytest.mark.parametrize("consistency", [0.0, 0.3])
@pytest.mark.parametrize(("epoch", "masked"), [(0, False), (1, False), (2, True), (9, True)])
def test_masks_begin_at_their_epoch(
    epoch: int, masked: bool, consistency: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    task, batch = recognition(consistency=consistency), speech(epoch)
    plain, _ = task.features(batch.audio)
    shown = views(task, batch, monkeypatch)
    assert len(shown) == (6 if masked and consistency else 3), "before the masks, two views would be one"
    assert (masked_cells(shown[:3], plain) > 0) == masked


def test_without_masks_two_views_differ_by_dropout(monkeypatch: pytest.MonkeyPatch) -> None:
    task, batch = recognition(consistency=0.3, masks="null", dropout=0.4), speech()
    one, other = views(task, batch, monkeypatch).chunk(2)
    assert torch.equal(one, other)
    features, lengths = task.features(batch.audio)
    encoded = task.encode(torch.cat([features, features]), torch.cat([lengths, lengths]))
    first, second = encoded.frames.chunk(2)
    assert (divergences(first, second, encoded.lengths[:3]) > 1e-6).all()


@pytest.mark.parametrize("options", [{}, {"consistency": 0.3}, EVERYTHING], ids=["plain", "two", "everything"])
def test_judging_sees_the_plain_utterance_once(options: dict[str, Any], monkeypatch: pytest.MonkeyPatch) -> None:
    """And asks the last head alone."""
    task, batch = recognition(**options, dropout=0.4).eval(), speech()
    plain, _ = task.features(batch.audio)
    assert torch.equal(views(task, batch, monkeypatch), plain)
    assert task.loss(batch).item() == ctc_losses(task(batch.audio), batch.targets).sum().item()


@pytest.mark.parametrize("options", [{"consistency": 0.3}, EVERYTHING], ids=["two", "everything"])
def test_every_weight_gets_a_gradient(options: dict[str, Any]) -> None:
    task = recognition(**options)
    task.loss(speech()).backward()
    for name, parameter in task.model.named_parameters():
        assert parameter.grad is not None, name
        assert parameter.grad.isfinite().all(), name
        assert parameter.grad.any(), name
