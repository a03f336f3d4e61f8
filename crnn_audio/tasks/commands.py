"""Speech recognition that learns from what recordings mean: CTC over all sentences of a grammar that mean it.

The words of a recording are not known, but every sentence is whose intent and slots are those of the recording. Its
likelihood is the sum over all of them, by the graph that decodes too.
"""

import torch
from jaxtyping import Float
from torch import Tensor

from crnn_audio.decoding.graph import search
from crnn_audio.decoding.graph.meanings import Meanings
from crnn_audio.types import Encoded, TokenBatch


def sentence_losses(encoded: Encoded, targets: TokenBatch, meanings: Meanings) -> Float[Tensor, " B"]:
    """Negative log-likelihood of each meaning in nats, divided by the tokens of its shortest sentence.

    Args:
        targets: the ids of each meaning.
    """
    frames = encoded.frames
    listed = meanings_of(targets)
    stack = search.stacked([meanings.graph(one, frames.device) for one in listed], frames.shape[2])
    return -search.total_each(stack, frames, encoded.lengths) / sentence_lengths(targets, meanings)


def sentence_lengths(targets: TokenBatch, meanings: Meanings) -> Float[Tensor, " B"]:
    """Tokens of the shortest sentence of each meaning."""
    counts = [float(meanings.num_tokens(one)) for one in meanings_of(targets)]
    return torch.tensor(counts, device=targets.lengths.device)


def meanings_of(targets: TokenBatch) -> list[tuple[int, ...]]:
    """The meanings of a batch, each without its padding."""
    rows = zip(targets.tokens.tolist(), targets.lengths.tolist(), strict=True)
    return [tuple(row[:length]) for row, length in rows]
