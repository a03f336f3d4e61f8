"""Recipes of music as tokens: the next tokens of a piece are predicted from those before."""

from collections.abc import Mapping
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.schema import Recipe
from crnn_audio.config.sections import (
    CausalNetwork,
    Count,
    Data,
    Fraction,
    Generation,
    Positive,
    RecurrentLayers,
    Section,
    Task,
)

Probability = Annotated[float, Field(ge=0, le=1)]


class MusicTask(Task):
    """Predict the next row of tokens, whose tokens are predicted one after the other."""

    kind: Literal["music"]
    fixed_voice_probability: Probability = 0.0
    """Probability that some voices of a training piece are fixed, that is given to the model in advance, as in
    harmonisation."""
    condition_dropout: Probability = 0.1
    """Probability that a condition of a training piece, such as its key, is hidden from the model, so that it may be
    left open in generation."""


class MusicData(Data):
    """The pieces, how they are tokenised, and how they are batched."""

    corpus: Annotated[str, CorpusOf("music")]
    """A known corpus, or `midi_folder`: your own MIDI, ABC and MusicXML files in or below the folder `root`."""
    representation: Literal["chorale", "melody", "quartet"] = "melody"
    """`chorale`: four voices on a grid of sixteenth notes. `melody`: one voice as events. `quartet`: the pitches of
    four voices on that grid, without holds."""
    root: str | None = None
    """Folder of the corpus. Default: $CRNN_AUDIO_DATA/<corpus>, then data/<corpus>, then a download."""
    batch_size: Count = 16
    """Pieces per batch (one optimiser step)."""
    bptt: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Rows of tokens per step of truncated back-propagation through time; 0 trains on whole pieces."""
    normalize_keys: bool = False
    """Transpose each piece to C major, A minor or another mode without sharps and flats, and generated pieces back to
    the requested key."""
    transpose: Annotated[int, Field(ge=0, le=11)] = 0
    """Transpose each training piece by a random number of semitones, up or down by at most this many, in each epoch."""

    bars_left: bool = False
    """An input of each row is how many bars of the piece are left, so that a piece goes towards its end in time."""

    @property
    def name(self) -> str:
        """The corpus's name in messages: of own files their folder."""
        return self.root or self.corpus if self.corpus == "midi_folder" else self.corpus

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.corpus == "midi_folder" and self.root is None:
            raise ValueError("corpus 'midi_folder' needs root, the folder of your files")
        if self.corpus == "jsb16" and (self.representation != "quartet" or self.normalize_keys):
            raise ValueError(
                "corpus 'jsb16' has pitches without keys, so representation must be 'quartet' and normalize_keys false"
            )
        if self.bars_left and self.representation == "quartet":
            raise ValueError("representation 'quartet' knows no bars, so bars_left must be false")
        if self.normalize_keys and self.transpose:
            raise ValueError("normalize_keys puts all pieces in one key, so transpose must be 0")
        return self


class Encoder(Section):
    """Bidirectional layers that read the fixed voices of the whole piece."""

    cell: Literal["rnn", "lstm", "gru"] = "lstm"
    hidden_size: Count = 128
    """Units per direction."""
    num_layers: Annotated[int, Field(ge=1, le=100)] = 1
    norm: Literal["none", "layer"] = "layer"
    """Layer normalisation after the input projection and after each layer."""
    dropout: Fraction = 0.2
    """Dropout on the output of each layer."""


class MusicModel(CausalNetwork):
    """Embeddings, recurrent layers, and a head that predicts the tokens of a row one after the other."""

    embedding_size: Count = 32
    """Size of the embedding of each column of a row."""
    encoder: Encoder | None = None
    """For fixed voices."""
    recurrent: RecurrentLayers = RecurrentLayers(bidirectional=False)
    head_size: Count = 128
    """Units of the head's hidden layer for each column."""
    head_dropout: Fraction = 0.0
    """Dropout on the head's hidden layers."""
    intervals: bool = False
    """Add scores of intervals to the logits of pitches: from the last note, from the other voices, and from the copy
    context."""
    interval_gain: Positive = 4.0
    """Scale of the interval scores; a larger one learns faster."""


class MusicGeneration(Generation):
    """What `generate` does with the trained model by default."""

    tempo: Annotated[float, Field(ge=4, le=1000)] = 100.0
    """Quarter notes a minute, where no primer has a tempo."""
    tempos: dict[str, Annotated[float, Field(ge=4, le=1000)]] = Field(default_factory=dict)
    """Others by a style, a metre or both, such as `jig`, `6/8` or `hornpipe 2/4`."""
    guided: bool = True
    """Keep generated music from parallel fifths and octaves, wide leaps, pitches outside of the voices' ranges and bars
    that come again and again."""
    attempts: Annotated[int, Field(ge=1, le=1000)] = 8
    """Times that a piece is generated anew, at most, while a musician would not let it pass."""

    def tempo_of(self, condition: Mapping[str, str]) -> float:
        """That of a piece of these conditions: by style and metre, else by one of them."""
        style, metre = condition.get("style", ""), condition.get("metre", "")
        return next((self.tempos[one] for one in (f"{style} {metre}", style, metre) if one in self.tempos), self.tempo)


class MusicRecipe(Recipe):
    """Pieces of music, generated from nothing, a primer, fixed voices or conditions."""

    task: MusicTask
    data: MusicData
    model: MusicModel = MusicModel()
    generation: MusicGeneration = MusicGeneration()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if (self.task.fixed_voice_probability > 0) != (self.model.encoder is not None):
            raise ValueError(
                "task.fixed_voice_probability above 0 and model.encoder, which reads fixed voices, go together"
            )
        if self.data.bptt and self.model.encoder:
            raise ValueError("model.encoder reads whole pieces, so data.bptt must be 0")
        return self
