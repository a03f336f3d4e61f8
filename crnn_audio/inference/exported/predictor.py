"""Exported models of what comes next, a step at a time: piano rolls and texts."""

from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Float, Int, Num

from crnn_audio.inference.exported import folder
from crnn_audio.inference.exported.folder import Exported

BATCH = 256
"""Windows of a text that are read together."""


@dataclass(frozen=True)
class Running:
    """The state of running sequences, batch first."""

    states: tuple[np.ndarray, ...]


class ExportedPredictor:
    """Predicts the next element of sequences; `crnn_audio.load` of an exported folder makes one.

    `outputs` names what `step` gives: "logits" of the keys of a piano, or "log_probs" of the tokens of a text from the
    id 1 on.
    """

    def __init__(self, exported: Exported) -> None:
        self.exported = exported
        self.session = folder.session(exported)
        self.shapes = [tuple(map(int, shape)) for shape in exported.fact("states", list)]
        self.outputs: str = exported.fact("outputs", str)
        self.context_length: int = exported.fact("context_length", int)
        self.has_joint_head = any(one.name == "keys" for one in self.session.get_inputs())

    def step(
        self,
        inputs: Num[np.ndarray, "B T *N"],
        running: Running | None = None,
        keys: Float[np.ndarray, "B T K"] | None = None,
    ) -> tuple[Float[np.ndarray, "B T V"], Running]:
        """What follows each of these next inputs, and the state after them; None begins sequences.

        Args:
            inputs: frames of keys, (B, T, 88 or what the model reads), or token ids, (B, T).
            keys: of a joint head, the keys that sound next as far as they are known; the logit of each is that given
                the ones below it. Silence by default.
        """
        states = running.states if running else tuple(np.zeros((len(inputs), *one), np.float32) for one in self.shapes)
        kind: Any = np.float32 if inputs.ndim == 3 else np.int64
        feed = {"x": inputs.astype(kind, copy=False)} | {f"state{at}": one for at, one in enumerate(states)}
        if self.has_joint_head:
            size = int(next(one for one in self.session.get_inputs() if one.name == "keys").shape[2])
            given = np.zeros((*inputs.shape[:2], size), np.float32) if keys is None else keys
            feed["keys"] = given.astype(np.float32, copy=False)
        found, *after = self.session.run(None, feed)
        return found, Running(tuple(after))

    def score_keys(self, roll: Num[np.ndarray, "T K"]) -> Float[np.ndarray, " N"]:
        """The negative log-likelihood in nats of each frame of a piano roll but the first, given all before it."""
        frames = roll.astype(np.float32)
        targets = frames[np.newaxis, 1:]
        logits, _ = self.step(frames[np.newaxis, :-1], keys=targets)
        losses: np.ndarray = (np.logaddexp(0, logits) - targets * logits).sum(axis=-1)[0]
        return losses

    def score_tokens(self, ids: Int[np.ndarray, " T"]) -> Float[np.ndarray, " T"]:
        """The negative log-likelihood in nats of each token of a text, the first given nothing."""
        size = self.context_length
        before = np.concatenate([np.zeros(max(size, 1), np.int64), ids[:-1]])
        if size:
            windows = np.lib.stride_tricks.sliding_window_view(before, size)
            parts = [self.step(windows[at : at + BATCH])[0][:, -1] for at in range(0, len(ids), BATCH)]
            log_probs = np.concatenate(parts)
        else:
            log_probs = self.step(before[np.newaxis])[0][0]
        losses: np.ndarray = -np.take_along_axis(log_probs, ids[:, np.newaxis] - 1, axis=1)[:, 0]
        return losses
