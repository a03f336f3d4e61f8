"""From one sequence to another: an encoder reads it all, a decoder writes the other token by token.

    sources   (B, T)      tokens, read by an embedding or, of features, by convolutions
    memory    (B, U, M)   what the encoder's recurrent layers make of them
    inputs    (B, L)      the token before each target, 0 before the first (teacher forcing)
    outputs   (B, L, V)   log-probabilities of the target; its id 0 is the end

The decoder's recurrent layers begin in a state made of the encoder's last states. With attention each of their outputs
then looks at the memory (Luong et al. 2015: no input feeding, so that all steps of a training sequence run in one
kernel). Without it the last states are all that the decoder knows, a fixed context that is also an input of every step
(Cho et al. 2014).
"""

from dataclasses import dataclass, replace

import torch
from jaxtyping import Float, Int, Num
from torch import Tensor, nn

from crnn_audio.models.attention import Attention
from crnn_audio.models.cells import STATES
from crnn_audio.models.crnn import Crnn
from crnn_audio.models.recurrent import TCN, Recurrent
from crnn_audio.models.tokens import TokenFront
from crnn_audio.types import Encoded

FIXED = "fixed"
"""The decoder without attention."""


class Memory(nn.Module):
    """The head of an encoder: its frames as they are."""

    NAME = "memory"

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B U H"]:
        """The frames."""
        return frames


@dataclass(frozen=True)
class DecoderState:
    """Where a decoder is in each row: what it looks at, the state of its layers, the sum of its weights until now.

    `source` numbers the sources that rows were begun with.
    """

    memory: Float[Tensor, "B U M"]
    keys: Float[Tensor, "B U A"]
    lengths: Int[Tensor, " B"]
    context: Float[Tensor, "B M"]
    carry: tuple[Tensor, ...] | None
    coverage: Float[Tensor, "B U"]
    source: Int[Tensor, " B"]

    def select(self, rows: Int[Tensor, " N"]) -> "DecoderState":
        """The states of these rows, any of them more than once."""
        source, carry = self.source[rows], tuple(one[rows] for one in self.carry) if self.carry is not None else None
        names = () if torch.equal(source, self.source) else ("memory", "keys", "lengths", "context")
        read = {name: getattr(self, name)[rows] for name in names}  # what each row of a source has in common
        return replace(self, **read, carry=carry, coverage=self.coverage[rows], source=source)


class Decoder(nn.Module):
    """Recurrent layers over the tokens written until now, attention or a fixed context, and a softmax.

    Args:
        num_tokens: with the end, id 0.
        memory_size: numbers in a frame of the encoder; `bidirectional` says that the second half of them is of the
            backward direction, whose last state is at the first frame.
        attention: "dot", "additive", "location" or "fixed".
        recurrent: `embedding_size` and what `Recurrent` takes.
    """

    def __init__(
        self,
        num_tokens: int,
        memory_size: int,
        *,
        bidirectional: bool,
        attention: str = "additive",
        attention_size: int = 128,
        embedding_size: int = 64,
        cell: str = "lstm",
        hidden_size: int = 256,
        num_layers: int = 1,
        norm: str = "layer",
        dropout: float = 0.0,
    ) -> None:
        super().__init__()
        self.NAME = "fixed context" if attention == FIXED else f"attention ({attention})"
        self.bidirectional = bidirectional
        self.tokens = TokenFront(num_tokens, embedding_size)
        fixed = attention == FIXED
        input_size = self.tokens.output_size + (memory_size if fixed else 0)
        self.recurrent = Recurrent(
            input_size,
            cell=cell,
            hidden_size=hidden_size,
            num_layers=num_layers,
            bidirectional=False,
            norm=norm,
            dropout=dropout,
        )
        self.attention = None if fixed else Attention(hidden_size, memory_size, attention, attention_size)
        num_states = 0 if cell == TCN else STATES[cell] * num_layers
        self.initial = nn.Linear(memory_size, num_states * hidden_size) if num_states else None
        self.dropout = nn.Dropout(dropout)
        self.combine = nn.Linear(hidden_size + (0 if fixed else memory_size), hidden_size)
        self.output = nn.Linear(hidden_size, num_tokens)

    def start(self, encoded: Encoded) -> DecoderState:
        """The state before the first token of each row."""
        memory, lengths = encoded.frames, encoded.lengths
        context = last_states(memory, lengths, self.bidirectional)
        carry: tuple[Tensor, ...] | None = None
        if self.initial is not None:
            carry = tuple(torch.tanh(self.initial(context)).chunk(self.initial.out_features // self._size, dim=1))
        keys = self.attention.keys(memory) if self.attention else memory[:, :, :0]
        coverage = torch.zeros(memory.shape[:2], dtype=torch.float32, device=memory.device)
        return DecoderState(
            memory,
            keys,
            lengths,
            context,
            carry,
            coverage.to(memory.dtype),
            torch.arange(len(memory), device=memory.device),
        )

    def forward(
        self, inputs: Int[Tensor, "B L"], state: DecoderState
    ) -> tuple[Float[Tensor, "B L V"], Float[Tensor, "B L U"], DecoderState]:
        """Log-probabilities of the token after each input, the weights of the memory for it, and the state after all.

        Any number of tokens at once: one by one gives the same.
        """
        lengths = torch.full(inputs.shape[:1], inputs.shape[1], device=inputs.device)
        frames = self.tokens(inputs.unsqueeze(2), lengths).frames
        if self.attention is None:
            frames = torch.cat([frames, state.context.unsqueeze(1).expand(-1, frames.shape[1], -1)], dim=-1)
        outputs, carry = self.recurrent.step(frames, state.carry)
        weights = outputs.new_zeros(*inputs.shape, state.memory.shape[1])
        if self.attention is not None:
            context, weights = self.attention(outputs, state.memory, state.keys, state.lengths, state.coverage)
            outputs = torch.cat([outputs, context], dim=-1)
        logits: Tensor = self.output(self.dropout(torch.tanh(self.combine(outputs))))
        coverage = state.coverage + weights.sum(dim=1).to(state.coverage.dtype)
        after = replace(state, carry=carry, coverage=coverage)
        return (logits if logits.dtype.itemsize >= 4 else logits.float()).log_softmax(dim=-1), weights, after

    @property
    def _size(self) -> int:
        return self.recurrent.output_size


class EncoderDecoder(nn.Module):
    """An encoder and a decoder (Sutskever et al. 2014, Cho et al. 2014, Bahdanau et al. 2015)."""

    def __init__(self, encoder: Crnn, decoder: Decoder) -> None:
        super().__init__()
        self.encoder = encoder
        self.head = decoder

    def forward(
        self, sources: Num[Tensor, "B T F"], lengths: Int[Tensor, " B"], inputs: Int[Tensor, "B L"]
    ) -> tuple[Float[Tensor, "B L V"], Float[Tensor, "B L U"]]:
        """Log-probabilities of the token after each input, and where the decoder looked for it."""
        log_probs, weights, _ = self.head(inputs, self.start(sources, lengths))
        return log_probs, weights

    def start(self, sources: Num[Tensor, "B T F"], lengths: Int[Tensor, " B"]) -> DecoderState:
        """The decoder's state before the first token."""
        state: DecoderState = self.head.start(self.encoder(sources, lengths))
        return state

    @property
    def num_parameters(self) -> int:
        """Trainable numbers."""
        return sum(parameter.numel() for parameter in self.parameters() if parameter.requires_grad)


def last_states(
    memory: Float[Tensor, "B U M"], lengths: Int[Tensor, " B"], bidirectional: bool
) -> Float[Tensor, "B M"]:
    """What the encoder's top layer ends with: at the last frame of a sequence, its backward half at the first."""
    last = (lengths - 1).clamp(min=0).reshape(-1, 1, 1).expand(-1, 1, memory.shape[2])
    ends = memory.gather(1, last).squeeze(1)
    if not bidirectional:
        return ends
    half = memory.shape[2] // 2
    return torch.cat([ends[:, :half], memory[:, 0, half:]], dim=1)
