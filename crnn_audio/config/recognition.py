"""Recipes of speech recognition."""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.sections import Fraction, Model, Section, Task
from crnn_audio.config.sound import SoundData, SoundRecipe
from crnn_audio.config.transduction import DecoderLayers
from crnn_audio.decoding.options import HOTWORD_SCORE, SOURCES, DecodingOptions
from crnn_audio.errors import DataError


class RecognitionTask(Task):
    """Speech to text with CTC: many frames in, fewer tokens out."""

    kind: Literal["recognition"] = "recognition"
    vocabulary: Literal["characters", "words", "subwords"] = "characters"
    """What one token is; subwords are learned by sentencepiece."""
    num_subwords: Annotated[int, Field(ge=2, le=100_000)] = 500
    """How many of them are learned."""
    supervision: Literal["transcripts", "grammar"] = "transcripts"
    """What is known of the recordings: their words, or with `grammar` their intent and slots alone; the loss is then
    that of all sentences of decoder.grammar that mean these."""
    case: Literal["keep", "lower", "upper"] = "keep"
    """Letter case of the transcripts."""
    punctuation: Literal["keep", "remove"] = "keep"
    """`remove` replaces everything in transcripts but letters, digits, accents and apostrophes by a space."""
    language: Literal["tr", "az"] | None = None
    """Turkish or Azerbaijani, in which the lower case of I is ı, and the upper case of i is İ."""
    consistency: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Weight of the divergence between the posteriors of two masked views (CR-CTC); 0 trains on one view."""
    intermediate: Fraction = 0.0
    """Weight of the loss of CTC heads between the recurrent layers, whose outputs are fed to the next layer
    (self-conditioned CTC); 0 has none."""
    attention: Fraction = 0.0
    """Weight of the loss of an attention decoder beside CTC (Watanabe et al. 2017), `model.decoder`; 0 has none."""
    label_smoothing: Fraction = 0.0
    """Part of each of the attention decoder's targets that is spread over all tokens."""
    ctc_weight: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Weight of CTC where both are searched together; above 0, since the times of words are CTC's."""
    beam: Annotated[int, Field(ge=1, le=1000)] = 8
    """Hypotheses that this search keeps side by side."""

    @property
    def metric(self) -> str:
        """Acceptance, where recordings are known by what they mean."""
        return "acceptance" if self.supervision == "grammar" else ""


class RecognitionData(SoundData):
    """The corpus and how its cuts are batched."""

    corpus: Annotated[str, CorpusOf("recognition")]
    """A known corpus, or `manifests`: your own train.jsonl, dev.jsonl and test.jsonl (or .jsonl.gz) in `root`."""


class RecognitionModel(Model):
    """The CRNN with CTC, and optionally a decoder with attention."""

    decoder: DecoderLayers | None = None
    """The attention decoder that task.attention trains."""


class Decoding(Section):
    """What may be said: the decoder that a run keeps and that `transcribe` uses by itself. Files are copied into it."""

    lm: str | None = None
    """N-gram model of words or characters (ARPA)."""
    lm_weight: Annotated[float, Field(ge=0)] = 0.5
    """Factor of its log-probabilities."""
    word_score: float = 0.0
    """Added for each word, in nats."""
    lexicon: str | None = None
    """File with all words that may be said, one a line."""
    hotwords: str | None = None
    """File with words that are expected, one a line."""
    hotword_score: float = HOTWORD_SCORE
    """Added for each letter of these but the first, in nats."""
    grammar: str | None = None
    """File with all sentences that may be said."""
    beam: Annotated[int, Field(ge=0)] = 0
    """Width of the prefix beam; 0 searches exactly where that is possible."""
    decoder: Literal["built-in", "flashlight"] = "built-in"
    """`flashlight` for very large lexicons, by the package flashlight-text."""

    @property
    def options(self) -> DecodingOptions:
        """The same for a recogniser.

        Raises:
            DataError: two of them exclude each other.
        """
        paths = {name: Path(value) for name in SOURCES if (value := getattr(self, name)) is not None}
        return DecodingOptions(**self.model_dump() | paths)

    @model_validator(mode="after")
    def _options_agree(self) -> Self:
        try:
            _ = self.options
        except DataError as error:
            raise ValueError(str(error)) from None
        return self


class RecognitionRecipe(SoundRecipe):
    """Speech to text."""

    starts_from_runs = True
    task: RecognitionTask = RecognitionTask()
    data: RecognitionData
    model: RecognitionModel = RecognitionModel()
    decoder: Decoding | None = None

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.task.intermediate and self.model.recurrent.num_layers < 2:
            raise ValueError(
                "task.intermediate puts heads between recurrent layers, so model.recurrent.num_layers must be above 1"
            )
        if bool(self.task.attention) != bool(self.model.decoder):
            raise ValueError("task.attention is the weight of model.decoder: give both, or neither")
        if self.task.supervision == "grammar" and not (self.decoder and self.decoder.grammar):
            raise ValueError("task.supervision 'grammar' needs decoder.grammar, the sentences and what they mean")
        if self.task.supervision == "grammar" and self.task.attention:
            raise ValueError("task.attention learns from transcripts: leave it out with task.supervision 'grammar'")
        return self
