"""The sections of recipes that read pieces of music as tokens and say what comes next."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.sections import Count, Positive, Probability, RecurrentLayers, Section

Share = Annotated[float, Field(ge=0, le=1)]


class NextTokenTask(Section):
    """Rows of tokens to the next row, whose tokens are drawn one after the other."""

    kind: Literal["next_token"]
    given_share: Share = 0.0
    """Probability that some voices of a piece are given in training; what is kept in generation is heard ahead so."""
    untold_share: Share = 0.1
    """Probability that a condition of a piece, such as its key, is not told in training; it may then be left open."""


class EventData(Section):
    """Which pieces, as which tokens, and how they become batches."""

    corpus: Literal["chorales", "folk_tunes", "nottingham", "jsb16", "midi_folder"]
    """`midi_folder`: MIDI, ABC and MusicXML files in the folder `root` or below it."""
    representation: Literal["chorale", "melody", "quartet"] = "melody"
    """Four voices on a grid of sixteenths; one voice as events; or four voices on that grid by their pitches alone."""
    root: str | None = None
    """Where the corpus lies; by default $CRNN_AUDIO_DATA/<corpus>, then data/<corpus>, then its home."""
    batch_rows: Count = 16
    """Pieces side by side in one optimiser step's batch."""
    chunk_rows: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Rows of tokens of a step, after which the state goes on without gradient (truncated back-propagation); 0 takes
    whole pieces."""
    accumulate: Count = 1
    """Parts that a batch is split into, one after the other, to fit in memory."""
    keys: Literal["own", "home"] = "own"
    """Pieces stand in their own keys; or each is moved to the key of its mode without sharps and flats, and what is
    written is moved to the key that is asked for."""
    transpose: Annotated[int, Field(ge=0, le=11)] = 0
    """Training pieces are heard up to so many semitones higher or lower, another number of them in each epoch."""

    @property
    def name(self) -> str:
        """What messages call the corpus."""
        return self.root or self.corpus if self.corpus == "midi_folder" else self.corpus

    @model_validator(mode="after")
    def _a_folder_is_named(self) -> Self:
        if self.corpus == "midi_folder" and self.root is None:
            raise ValueError("corpus midi_folder is a folder of your own: say which by root")
        return self

    @model_validator(mode="after")
    def _jsb16_is_judged_as_others_do(self) -> Self:
        if self.corpus == "jsb16" and (self.representation != "quartet" or self.keys != "own"):
            raise ValueError("corpus jsb16 has pitches in their own keys: representation quartet, keys own")
        return self

    @model_validator(mode="after")
    def _stays_at_home(self) -> Self:
        if self.keys == "home" and self.transpose:
            raise ValueError("keys home: pieces stand in one key, so transpose should be 0")
        return self


class Listener(Section):
    """Layers of both directions that read the voices that are given."""

    cell: Literal["rnn", "lstm", "gru"] = "lstm"
    hidden_size: Count = 128
    """Units a direction."""
    num_layers: Annotated[int, Field(ge=1, le=100)] = 1
    norm: Literal["none", "layer"] = "layer"
    dropout: Probability = 0.2


class EventModel(Section):
    """Vectors of tokens, recurrent layers, a head that draws the tokens of a row one after the other."""

    embedding_size: Count = 32
    """Numbers in the vector of each column of a row."""
    listener: Listener | None = None
    """Where voices may be given."""
    recurrent: RecurrentLayers = RecurrentLayers(bidirectional=False)
    head_size: Count = 128
    """Units of the hidden layer of each column."""
    head_dropout: Probability = 0.0
    intervals: bool = False
    """Pitches are weighed by their distances from the last note, the other voices and what is recalled, too."""
    interval_gain: Positive = 4.0
    """How much the weight of a step from one interval to another counts; the higher, the sooner it is learned."""

    @model_validator(mode="after")
    def _hears_only_the_past(self) -> Self:
        if self.recurrent.bidirectional:
            raise ValueError("task next_token hears only the past, so model.recurrent.bidirectional must be false")
        if self.recurrent.look_ahead:
            raise ValueError("task next_token hears only the past: model.recurrent.look_ahead 0")
        return self
