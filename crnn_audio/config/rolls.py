"""The sections of recipes that read piano rolls frame by frame and say what sounds next."""

from typing import Annotated, Literal

from pydantic import Field

from crnn_audio.config.sections import Count, Model, Probability, Section


class NextFrameTask(Section):
    """A piano roll to what sounds in its next frame."""

    kind: Literal["next_frame"]


class RollData(Section):
    """Which rolls, and how they become batches."""

    corpus: Literal["piano_rolls"]
    collection: Literal["jsb", "nottingham", "musedata", "piano_midi"]
    """JSB chorales in quarter notes; Nottingham, MuseData and Piano-midi.de in eighths."""
    root: str | None = None
    """Where the .mat files lie; by default $CRNN_AUDIO_DATA/piano_rolls, then data/piano_rolls, then their home."""
    batch_rows: Count = 16
    """Pieces side by side in one optimiser step's batch."""
    chunk_frames: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Frames of a step, after which the state goes on without gradient (truncated back-propagation); 0 takes whole
    pieces."""
    recall: bool = False
    """The network hears, too, what came where the piece was longest as it is now."""
    accumulate: Count = 1
    """Parts that a batch is split into, one after the other, to fit in memory."""

    @property
    def name(self) -> str:
        """What messages call the corpus."""
        return f"{self.corpus}/{self.collection}"


class SigmoidKeys(Section):
    """Every key by itself."""

    kind: Literal["sigmoid"] = "sigmoid"


class NadeKeys(Section):
    """One key after the other, from the lowest up: the joint distribution of a frame."""

    kind: Literal["nade"] = "nade"
    hidden_size: Count = 128
    """Units of the hidden layer that hears the keys below."""
    dropout: Probability = 0.0
    """On that layer."""


class RollModel(Model):
    """The CRNN, and what says how likely a frame of keys is."""

    head: Annotated[SigmoidKeys | NadeKeys, Field(discriminator="kind")] = SigmoidKeys()
