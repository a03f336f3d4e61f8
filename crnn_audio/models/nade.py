"""The keys of a frame one after the other, from the lowest up, each conditioned on the frame and the keys below it.

The neural autoregressive distribution estimator (NADE: Larochelle and Murray 2011) on top of recurrent layers
(RNN-NADE: Boulanger-Lewandowski, Bengio and Vincent 2012): by the chain rule the product of the keys' conditional
probabilities is the joint probability of the frame, so that the notes of a chord depend on one another.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float, Int
from torch import Tensor, nn

BLOCK = 4096
"""Frames whose hidden layers are held at once."""
SAMPLES = 128
"""Frames sampled to estimate the marginal probability of a key."""


class NadeHead(nn.Module):
    """One hidden layer, updated after each key that sounds, and a sigmoid for each key.

    With x the frame of the network and v the keys, 0 or 1, the hidden layer of key k is
    h_k = relu(A x + sum over j < k of v_j W_j), and its logit U_k h_k + (V x)_k.

    Args:
        hidden_size: units of the hidden layer.
        dropout: on the hidden layer, with a new mask after each key that sounds.
    """

    NAME = "joint"

    def __init__(self, input_size: int, num_keys: int, hidden_size: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.linear = nn.Linear(input_size, hidden_size + num_keys)
        nn.init.constant_(self.linear.bias[hidden_size:], -3.0)
        self.key_vectors = nn.Parameter(torch.randn(num_keys, hidden_size))
        self.weight = nn.Parameter(torch.randn(num_keys, hidden_size).mul_(hidden_size**-0.5))
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Float[Tensor, "B U H"], lengths: Int[Tensor, " B"]) -> Float[Tensor, "B U D"]:
        """A x and V x side by side, float32 at the least."""
        outputs: Tensor = self.linear(frames)
        return outputs if outputs.dtype.itemsize >= 4 else outputs.float()

    def losses(
        self, frames: Float[Tensor, "B U D"], inputs: Float[Tensor, "B U F"], targets: Float[Tensor, "B U K"]
    ) -> Float[Tensor, "B U"]:
        """Negative log-likelihood of each target frame of keys in nats."""
        outputs, keys = frames.flatten(0, 1), targets.flatten(0, 1)
        logits = [
            self.conditional_logits(outputs[at : at + BLOCK], keys[at : at + BLOCK])
            for at in range(0, len(keys) or 1, BLOCK)
        ]
        losses = F.binary_cross_entropy_with_logits(torch.cat(logits), keys, reduction="none")
        return losses.sum(dim=-1).reshape(frames.shape[:2])

    def conditional_logits(self, frames: Float[Tensor, "N D"], keys: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """Of each key, the keys below it being known.

        Few keys sound, and between two that do the hidden layer stays as it is: it has as many states as keys sound,
        and one more. All keys' logits are computed for each state, and of these the one that belongs to the key.
        """
        first, own = self._parts(frames)
        upto = keys.cumsum(dim=-1).long()
        below, most = upto - keys.long(), int(upto.max()) if keys.numel() else 0
        frame, key = keys.nonzero(as_tuple=True)
        added = first.new_zeros(len(keys), most + 1, first.shape[-1])
        added = added.index_put((frame, below[frame, key] + 1), self.key_vectors[key])
        states = self.dropout(F.relu(first.unsqueeze(1) + added.cumsum(dim=1)))
        logits: Tensor = (states @ self.weight.T).gather(1, below.unsqueeze(1)).squeeze(1) + own
        return logits

    def _parts(self, frames: Float[Tensor, "*N D"]) -> tuple[Float[Tensor, "*N M"], Float[Tensor, "*N K"]]:
        """A x and V x."""
        return frames[..., : self.hidden_size], frames[..., self.hidden_size :]

    def sample(
        self, frames: Float[Tensor, "*N D"], uniforms: Float[Tensor, "*N K"]
    ) -> tuple[Float[Tensor, "*N K"], Float[Tensor, "*N K"]]:
        """Keys sampled one by one with a number in [0, 1) each, and their probabilities given the keys below."""
        hidden, own = self._parts(frames)
        keys, probabilities = list[Tensor](), list[Tensor]()
        for key, added in enumerate(self.key_vectors):
            logit = (self.dropout(F.relu(hidden)) * self.weight[key]).sum(dim=-1) + own[..., key]
            probabilities.append(logit.sigmoid())
            keys.append((uniforms[..., key] < probabilities[-1]).to(frames.dtype))
            hidden = hidden + keys[-1].unsqueeze(-1) * added
        return torch.stack(keys, dim=-1), torch.stack(probabilities, dim=-1)

    def probabilities(self, frames: Float[Tensor, "B U D"]) -> Float[Tensor, "B U K"]:
        """Each key's marginal probability to sound, estimated as the mean of its conditional one in `SAMPLES` samples.

        All frames use the same random numbers, so that the estimate depends on the frame alone; its error is about 0.02
        where keys depend strongly on one another.
        """
        generator = torch.Generator().manual_seed(0)
        uniforms = torch.rand(SAMPLES, len(self.key_vectors), generator=generator, dtype=torch.float64).to(frames)
        outputs, size = frames.flatten(0, 1), BLOCK // SAMPLES
        means = [self._mean(outputs[at : at + size], uniforms) for at in range(0, len(outputs) or 1, size)]
        return torch.cat(means).reshape(*frames.shape[:2], len(self.key_vectors))

    def _mean(self, frames: Float[Tensor, "N D"], uniforms: Float[Tensor, "R K"]) -> Float[Tensor, "N K"]:
        each = (len(frames), len(uniforms), -1)
        _, probabilities = self.sample(frames.unsqueeze(1).expand(each), uniforms.expand(each))
        return probabilities.mean(dim=1)
