"""Recipes of text: the next character or word is predicted from those before."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.schema import Recipe
from crnn_audio.config.sections import CausalNetwork, Count, Data, Fraction, Generation, RecurrentLayers, Task


class TextTask(Task):
    """Predict the next character or word."""

    kind: Literal["text"]
    unit: Literal["characters", "words"] = "characters"
    """What one token is. Words are in lower case; punctuation marks count as words."""
    vocabulary_size: Count = 10_000
    """For `unit: words` only: the most frequent words of the training text; all others are one unknown word."""
    sample_tokens: Count = 200
    """Length of the sample that is shown at each evaluation."""


class TextData(Data):
    """The text and how it is batched."""

    corpus: Annotated[str, CorpusOf("text")]
    """A known text, or `text_file`: your own text, the UTF-8 file `root`; its last tenth is the dev split."""
    root: str | None = None
    """Folder of the corpus. Default: $CRNN_AUDIO_DATA/<corpus>, then data/<corpus>, then a download."""
    lower_case: bool = False
    """Convert the text to lower case."""
    ascii: bool = False
    """Remove accents, and all characters that are not ASCII."""
    batch_size: Count = 64
    """Sequences per batch (one optimiser step)."""
    bptt: Count = 128
    """Tokens per step of truncated back-propagation through time."""
    context_length: Annotated[int, Field(ge=0, le=65_536)] = 0
    """Predict each token from a window of this many tokens before it, starting from a zero state, as textbook examples
    do; 0 carries the state along the whole text."""

    @property
    def name(self) -> str:
        """The corpus's name in messages: of an own text its file."""
        return self.root or self.corpus if self.corpus == "text_file" else self.corpus

    @model_validator(mode="after")
    def _a_file_is_named(self) -> Self:
        if self.corpus == "text_file" and self.root is None:
            raise ValueError("corpus 'text_file' needs root, your file")
        return self


class TextModel(CausalNetwork):
    """Embeddings, recurrent layers, and a softmax over the next token."""

    embedding_size: Annotated[int, Field(ge=0, le=65_536)] = 128
    """Size of a token's embedding; 0 uses one-hot vectors."""
    embedding_dropout: Fraction = 0.0
    """Probability that a token's embedding is zero everywhere in a training batch (Gal and Ghahramani 2016)."""
    recurrent: RecurrentLayers = RecurrentLayers(bidirectional=False)
    tied: bool = False
    """Use the embeddings as the weights of the softmax (Press and Wolf 2017)."""
    output_projection: bool = False
    """For `tied` only: a linear layer from hidden_size to embedding_size before the softmax."""

    @model_validator(mode="after")
    def _sizes_agree(self) -> Self:
        size, hidden_size = self.embedding_size, self.recurrent.hidden_size
        if self.tied and size == 0:
            raise ValueError("tied shares the embeddings, so embedding_size must be above 0")
        if self.tied and size != hidden_size and not self.output_projection:
            raise ValueError(
                f"tied needs embedding_size ({size}) and recurrent.hidden_size ({hidden_size}) to be the same, or "
                "output_projection: true"
            )
        if self.output_projection and not self.tied:
            raise ValueError("output_projection is for tied: true")
        return self


class TextRecipe(Recipe):
    """Text, character by character or word by word."""

    task: TextTask
    data: TextData
    model: TextModel = TextModel()
    generation: Generation = Generation()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.task.unit == "words" and self.model.embedding_size == 0:
            raise ValueError(
                "task.unit 'words' has too many tokens for one-hot vectors, so model.embedding_size must be above 0"
            )
        return self
