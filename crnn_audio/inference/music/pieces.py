"""What a composer gives: a generated piece with all that reproduces it, and the likelihood of a given one."""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from jaxtyping import Float

from crnn_audio.decoding.sampling import Sampling
from crnn_audio.symbolic import files as scores
from crnn_audio.symbolic import plotting, render
from crnn_audio.symbolic.form import form_of, played
from crnn_audio.symbolic.score import Score


@dataclass(frozen=True)
class GeneratedScore:
    """A generated piece, with what reproduces it: model, seed and settings.

    Args:
        nats: the negative log-likelihood of all sampled tokens that count (`Representation.counted`).
        num_notes: what to divide it by.
        ended: whether the model ended the piece.
        lapses: what a musician would not let pass, as `selection` counts it; `attempt` is how often it was begun anew.
        remarks: what of a primer or a fixed voice could not be represented.
    """

    score: Score
    seed: int
    sampling: Sampling
    condition: Mapping[str, str]
    nats: float
    num_notes: int
    num_tokens: int
    ended: bool
    remarks: tuple[str, ...] = ()
    lapses: int = 0
    attempt: int = 0

    def save(self, path: str | Path, *, mechanical: bool = False) -> None:
        """As MIDI, ABC, MusicXML or JSON, by the suffix; in MIDI loud and soft, unless it is to be mechanical.

        Raises:
            DataError: the suffix is none of these, or the folder cannot be written.
        """
        scores.save(self.score, path, rhythm=self.condition.get("style", ""), expressive=not mechanical)

    def render(self, path: str | Path, *, mechanical: bool = False) -> None:
        """As sound (WAV), with a soundfont of the extra `music`; as players play, unless it is to be mechanical."""
        render.to_wav(self.score, path, expressive=not mechanical)

    def plot(self, path: str | Path) -> None:
        """As a picture (PNG)."""
        plotting.plot(self.score, path)

    def as_json(self) -> dict[str, object]:
        """Plain figures."""
        return {
            **self.sampling.as_json(self.seed),
            "condition": dict(self.condition),
            "quarters": self.score.end,
            "seconds": round(played(self.score).seconds, 3),
            "form": form_of(self.score),
            "notes": len(self.score.notes),
            "tokens": self.num_tokens,
            "nats": round(self.nats, 4),
            "nats_per_note": round(self.nats / max(self.num_notes, 1), 4),
            "ended": self.ended,
            "attempt": self.attempt,
            "lapses": self.lapses,
            "remarks": list(self.remarks),
        }

    @property
    def summary(self) -> str:
        """A line for people."""
        form = form_of(self.score)
        return (
            f"{played(self.score).seconds:.0f} s, {len(self.score.notes)} notes{f' as {form}' if form else ''}, "
            f"{self.nats / max(self.num_notes, 1):.2f} nats a note, seed {self.seed}"
            + ("" if self.ended else ", not ended by the model")
        )


@dataclass(frozen=True)
class Likelihood:
    """The negative log-likelihood of a piece: the nats of each token of each row; `columns` are the tokens' names.

    They are zero for tokens that do not count (`Representation.counted`).
    """

    nats: Float[np.ndarray, "T P"]
    columns: tuple[str, ...]
    num_notes: int
    remarks: tuple[str, ...] = ()

    @property
    def nats_per_note(self) -> float:
        """Their sum over the number of notes."""
        return float(self.nats.sum()) / max(self.num_notes, 1)

    def as_json(self) -> dict[str, object]:
        """Plain figures."""
        columns = {name: float(nats) for name, nats in zip(self.columns, self.nats.sum(axis=0), strict=True)}
        return {"nats_per_note": self.nats_per_note, "notes": self.num_notes, "columns": columns}

    @property
    def counts(self) -> str:
        """What was scored, for people."""
        return f"{self.num_notes} notes predicted"

    def lines(self) -> list[str]:
        """For people."""
        return [f"{self.nats_per_note:.3f} nats a note"]
