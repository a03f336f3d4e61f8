"""Texts sampled token by token, several side by side, each from a random stream of its own; and the nats of a text."""

from collections.abc import Iterable, Iterator, Sequence

import numpy as np
import torch
from jaxtyping import Float, Int

from crnn_audio.decoding.sampling import RandomStreams, Sampling, sample
from crnn_audio.models.crnn import Carry
from crnn_audio.tasks.prediction import Prediction
from crnn_audio.types import SequenceBatch

UNKNOWN_ID = 1
"""The unknown token, which is never sampled, since it stands for no text."""


def generate(
    task: Prediction, primer: Sequence[int], seeds: Sequence[int], sampling: Sampling
) -> Iterator[tuple[Int[np.ndarray, " B"], Float[np.ndarray, " B"]]]:
    """Continues a primer without end: the next token for each seed, and its negative log-likelihood in nats."""
    streams = RandomStreams(seeds)
    history = np.tile(np.array(primer, dtype=np.int64), (len(seeds), 1))
    log_probs, carry = next_log_probs(task, primer, len(seeds))
    mask = np.ones(log_probs.shape, dtype=bool)
    mask[:, UNKNOWN_ID - 1] = False
    while True:
        sampled = sample(log_probs, streams.uniforms(1)[:, 0], sampling, mask)
        yield sampled + 1, -log_probs[np.arange(len(sampled)), sampled]
        tokens = (sampled + 1)[:, np.newaxis]
        if task.context_length:
            history = np.concatenate([history, tokens], axis=1)[:, -task.context_length :]
            log_probs, _ = _after(task, _padded(history, task.context_length), None)
        else:
            log_probs, carry = _after(task, tokens, carry)


def next_log_probs(task: Prediction, primer: Sequence[int], rows: int = 1) -> tuple[Float[np.ndarray, "B V"], Carry]:
    """Log-probabilities of the token after a primer, the same in each row, and the state then."""
    history = np.tile(np.array(primer, dtype=np.int64), (rows, 1))
    if task.context_length:
        return _after(task, _padded(history[:, -task.context_length :], task.context_length), None)
    return _after(task, _padded(history, history.shape[1] + 1), None)


@torch.inference_mode()
def _after(
    task: Prediction, tokens: Int[np.ndarray, "B t"], carry: Carry | None
) -> tuple[Float[np.ndarray, "B V"], Carry]:
    """Log-probabilities of the token after these, and the state then."""
    log_probs, after = task.eval().step(torch.from_numpy(tokens[:, :, np.newaxis]).to(_device(task)), carry)
    return log_probs[:, -1].cpu().numpy(), after


def _padded(history: Int[np.ndarray, "B T"], size: int) -> Int[np.ndarray, "B W"]:
    """With zeros before the beginning."""
    return np.pad(history, ((0, 0), (size - history.shape[1], 0)))


def _device(task: Prediction) -> torch.device:
    return next(task.model.parameters()).device


@torch.inference_mode()
def token_nats(task: Prediction, batches: Iterable[SequenceBatch]) -> Float[np.ndarray, " T"]:
    """The nats of each token of a text, from a state of zero; the batches are those of `batching.text.running`."""
    task.eval()
    found, carry = list[np.ndarray](), None
    for batch in batches:
        losses, carry = task.losses(batch.to(_device(task)), carry)
        found.append(losses[batch.weights > 0].double().cpu().numpy())
    return np.concatenate([np.zeros(0), *found])


@torch.inference_mode()
def window_nats(task: Prediction, batches: Iterable[SequenceBatch]) -> float:
    """The nats of a text of whose windows each begins with a state of zero; they come from `batching.text.windows`."""
    task.eval()
    losses = (task.losses(batch.to(_device(task)))[0].double().sum() for batch in batches)
    return float(sum(losses, start=torch.zeros((), dtype=torch.float64, device=_device(task))))
