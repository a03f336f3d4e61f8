"""The keys of a frame one after the other, from the lowest up: each hears the frame and the keys below it that sound.

The neural autoregressive distribution estimator (NADE: Larochelle and Murray 2011) on top of recurrent layers
(RNN-NADE: Boulanger-Lewandowski, Bengio and Vincent 2012): by the chain rule the product of the keys' chances is the
joint probability of the frame, so that the notes of a chord know of one another.
"""

import torch
import torch.nn.functional as F
from jaxtyping import Float
from torch import Tensor, nn

BLOCK = 4096
"""Frames whose hidden layers are held at once."""
DRAWS = 128
"""Frames that are drawn to tell what chance a key has, whatever the others do."""


class NadeHead(nn.Module):
    """One hidden layer that hears the keys below as they are told, and a sigmoid for each key.

    With x the frame of the network and v the keys, 0 or 1, key k hears h_k = relu(A x + sum over j < k of v_j W_j), and
    its logit is U_k h_k + (V x)_k.

    Args:
        hidden_size: units of the hidden layer.
        dropout: on the hidden layer, anew whenever a key that sounds has been told.
    """

    def __init__(self, input_size: int, num_keys: int, hidden_size: int = 128, dropout: float = 0.0) -> None:
        super().__init__()
        self.hidden_size = hidden_size
        self.linear = nn.Linear(input_size, hidden_size + num_keys)
        nn.init.constant_(self.linear.bias[hidden_size:], -3.0)
        self.told = nn.Parameter(torch.randn(num_keys, hidden_size))
        self.weight = nn.Parameter(torch.randn(num_keys, hidden_size) * hidden_size**-0.5)
        self.dropout = nn.Dropout(dropout)

    def forward(self, frames: Float[Tensor, "B U H"]) -> Float[Tensor, "B U D"]:
        """A x and V x side by side, float32 at the least: what a frame's keys are drawn from."""
        drive: Tensor = self.linear(frames)
        return drive if drive.dtype.itemsize >= 4 else drive.float()

    def losses(self, drive: Float[Tensor, "B U D"], keys: Float[Tensor, "B U K"]) -> Float[Tensor, "B U"]:
        """Negative log-likelihood of each frame of keys in nats."""
        driven, sounding = drive.flatten(0, 1), keys.flatten(0, 1)
        logits = [
            self._logits(driven[at : at + BLOCK], sounding[at : at + BLOCK]) for at in range(0, len(driven) or 1, BLOCK)
        ]
        losses = F.binary_cross_entropy_with_logits(torch.cat(logits), sounding, reduction="none")
        return losses.sum(dim=-1).reshape(drive.shape[:2])

    def _logits(self, drive: Float[Tensor, "N D"], keys: Float[Tensor, "N K"]) -> Float[Tensor, "N K"]:
        """Of each key, the keys below it being known.

        Few keys sound, and between two that do the hidden layer stays as it is: it has as many states as keys sound,
        and one more. All keys' logits are taken of each state, and of these the one that the key hears.
        """
        heard, own = self._parts(drive)
        upto = keys.cumsum(dim=-1).long()
        below, most = upto - keys.long(), int(upto.max()) if keys.numel() else 0
        frame, key = keys.nonzero(as_tuple=True)
        told = heard.new_zeros(len(keys), most + 1, heard.shape[-1])
        told = told.index_put((frame, below[frame, key] + 1), self.told[key])
        states = self.dropout(F.relu(heard.unsqueeze(1) + told.cumsum(dim=1)))
        logits: Tensor = (states @ self.weight.T).gather(1, below.unsqueeze(1)).squeeze(1) + own
        return logits

    def _parts(self, drive: Float[Tensor, "*N D"]) -> tuple[Float[Tensor, "*N M"], Float[Tensor, "*N K"]]:
        """What the frame says to the hidden layer, and to each key."""
        return drive[..., : self.hidden_size], drive[..., self.hidden_size :]

    def draw(
        self, drive: Float[Tensor, "*N D"], numbers: Float[Tensor, "*N K"]
    ) -> tuple[Float[Tensor, "*N K"], Float[Tensor, "*N K"]]:
        """Keys drawn one by one, each by its number in [0, 1), and the chance that each had when its turn came."""
        hidden, own = self._parts(drive)
        keys, chances = list[Tensor](), list[Tensor]()
        for key, told in enumerate(self.told):
            logit = (self.dropout(F.relu(hidden)) * self.weight[key]).sum(dim=-1) + own[..., key]
            chances.append(logit.sigmoid())
            keys.append((numbers[..., key] < chances[-1]).to(drive.dtype))
            hidden = hidden + keys[-1].unsqueeze(-1) * told
        return torch.stack(keys, dim=-1), torch.stack(chances, dim=-1)

    def chances(self, drive: Float[Tensor, "B U D"]) -> Float[Tensor, "B U K"]:
        """Each key's chance to sound, whatever the others do: the mean over `DRAWS` frames of what it has in each.

        They are drawn by the same numbers for every frame, so that it depends on the frame alone; with an error of
        about 0.02 where keys hang closely together.
        """
        generator = torch.Generator().manual_seed(0)
        numbers = torch.rand(DRAWS, len(self.told), generator=generator, dtype=torch.float64).to(drive)
        driven, size = drive.flatten(0, 1), BLOCK // DRAWS
        means = [self._mean_chances(driven[at : at + size], numbers) for at in range(0, len(driven) or 1, size)]
        return torch.cat(means).reshape(*drive.shape[:2], len(self.told))

    def _mean_chances(self, drive: Float[Tensor, "N D"], numbers: Float[Tensor, "R K"]) -> Float[Tensor, "N K"]:
        each = (len(drive), len(numbers), -1)
        _, chances = self.draw(drive.unsqueeze(1).expand(each), numbers.expand(each))
        return chances.mean(dim=1)
