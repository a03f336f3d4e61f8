"""The sections of recipes that read a text token by token and say what comes next."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.sections import Count, Probability, RecurrentLayers, Section


class LanguageTask(Section):
    """A text to its next character or word."""

    kind: Literal["language"]
    unit: Literal["characters", "words"] = "characters"
    """What one token is. Words are in lower case, punctuation marks are words of their own."""
    vocabulary_size: Count = 10_000
    """Of words alone: so many of the most frequent of the training text; all others are one unknown word."""
    sample_tokens: Count = 200
    """Length of the text that is written and shown at each evaluation."""


class TextData(Section):
    """Which text, and how it becomes batches."""

    corpus: Literal["tinyshakespeare", "alice", "text_file"]
    """`text_file`: any text in UTF-8, the file `root`. The first nine tenths train, the last is dev."""
    root: str | None = None
    """Where the corpus lies; by default $CRNN_AUDIO_DATA/<corpus>, then data/<corpus>, then its home."""
    lower_case: bool = False
    ascii: bool = False
    """Write letters without accents and leave out all else that ASCII does not have."""
    batch_rows: Count = 64
    """Stretches of the text, or windows, side by side in one optimiser step's batch."""
    chunk_tokens: Count = 128
    """Tokens of a step, after which the state goes on without gradient (truncated back-propagation)."""
    window: Annotated[int, Field(ge=0, le=65_536)] = 0
    """Hear so many tokens and no more before each one, from a state of zero, and learn from that one alone, as
    textbooks begin; 0 reads on with the state."""
    accumulate: Count = 1
    """Parts that a batch is split into, one after the other, to fit in memory."""

    @property
    def name(self) -> str:
        """What messages call the corpus."""
        return self.root or self.corpus if self.corpus == "text_file" else self.corpus

    @model_validator(mode="after")
    def _a_file_is_named(self) -> Self:
        if self.corpus == "text_file" and self.root is None:
            raise ValueError("corpus text_file is a text of your own: say which file by root")
        return self


class LanguageModel(Section):
    """Vectors of tokens, recurrent layers, a softmax over the next token."""

    embedding_size: Annotated[int, Field(ge=0, le=65_536)] = 128
    """Numbers in the vector of a token; 0 takes one-hot vectors, which are not learned."""
    embedding_dropout: Probability = 0.0
    """Share of the tokens whose vectors are zero in a training step, wherever they stand (Gal and Ghahramani 2016)."""
    recurrent: RecurrentLayers = RecurrentLayers(bidirectional=False)
    tied: bool = False
    """The softmax weighs by the tokens' vectors, not by weights of its own (Press and Wolf 2017)."""
    output_projection: bool = False
    """Of a tied softmax: a linear map before it from hidden_size to embedding_size."""

    @model_validator(mode="after")
    def _hears_only_the_past(self) -> Self:
        if self.recurrent.bidirectional:
            raise ValueError("task language hears only the past, so model.recurrent.bidirectional must be false")
        if self.recurrent.look_ahead:
            raise ValueError("task language hears only the past: model.recurrent.look_ahead 0")
        return self

    @model_validator(mode="after")
    def _vectors_fit(self) -> Self:
        size, hidden_size = self.embedding_size, self.recurrent.hidden_size
        if self.tied and size == 0:
            raise ValueError("tied shares vectors that are learned, so embedding_size must be above 0")
        if self.tied and size != hidden_size and not self.output_projection:
            raise ValueError(
                f"tied needs embedding_size ({size}) and recurrent.hidden_size ({hidden_size}) to be the same, or "
                "output_projection: true between them"
            )
        if self.output_projection and not self.tied:
            raise ValueError("output_projection is for tied: a softmax with weights of its own needs none")
        return self
