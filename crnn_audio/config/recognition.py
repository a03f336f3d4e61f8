"""Recipes of speech recognition."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.sections import Fraction, Model, Task
from crnn_audio.config.sound import SoundData, SoundRecipe
from crnn_audio.config.transduction import DecoderLayers


class RecognitionTask(Task):
    """Speech to text with CTC: many frames in, fewer tokens out."""

    kind: Literal["recognition"] = "recognition"
    vocabulary: Literal["characters", "words", "subwords"] = "characters"
    """What one token is; subwords are learned by sentencepiece."""
    num_subwords: Annotated[int, Field(ge=2, le=100_000)] = 500
    """How many of them are learned."""
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


class RecognitionData(SoundData):
    """The corpus and how its cuts are batched."""

    corpus: Annotated[str, CorpusOf("recognition")]
    """A known corpus, or `manifests`: your own train.jsonl, dev.jsonl and test.jsonl (or .jsonl.gz) in `root`."""


class RecognitionModel(Model):
    """The CRNN with CTC, and optionally a decoder with attention."""

    decoder: DecoderLayers | None = None
    """The attention decoder that task.attention trains."""


class RecognitionRecipe(SoundRecipe):
    """Speech to text."""

    task: RecognitionTask = RecognitionTask()
    data: RecognitionData
    model: RecognitionModel = RecognitionModel()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.task.intermediate and self.model.recurrent.num_layers < 2:
            raise ValueError(
                "task.intermediate puts heads between recurrent layers, so model.recurrent.num_layers must be above 1"
            )
        if bool(self.task.attention) != bool(self.model.decoder):
            raise ValueError("task.attention is the weight of model.decoder: give both, or neither")
        return self
