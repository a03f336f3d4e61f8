"""Recipes of transduction: one sequence of tokens is turned into another, of another length."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.corpus import CorpusOf
from crnn_audio.config.schema import Recipe
from crnn_audio.config.sections import Count, Data, Fraction, Network, Positive, RecurrentLayers, Section, Task

Unit = Literal["characters", "words", "subwords"]


class TransductionTask(Task):
    """Read a whole sequence, then write another, token by token."""

    kind: Literal["transduction"]
    source: Unit = "characters"
    """What one token of the source is; words are what stands between spaces, subwords are learned by sentencepiece."""
    target: Unit = "characters"
    """What one token of the target is; phones that are written with spaces between them are words."""
    num_subwords: Annotated[int, Field(ge=2, le=100_000)] = 4000
    """How many subwords are learned, where a side has such tokens."""
    scores: Literal["pronunciation", "exact", "translation"] = "exact"
    """What is evaluated. `exact`: how many targets are right. `pronunciation`: how many are wrong (as `wer`), and how
    many of their tokens (as `per`). `translation`: BLEU and chrF, by sacrebleu."""
    label_smoothing: Fraction = 0.0
    """Part of each target's weight that is spread over all tokens."""
    scheduled_sampling: Fraction = 0.0
    """Probability that the decoder reads what it wrote itself instead of the target, in training."""
    longest: Positive = 3.0
    """A hypothesis has at most this many target tokens for each source token, and ten more."""


class TransductionData(Data):
    """The corpus of pairs and how they are batched."""

    corpus: Annotated[str, CorpusOf("transduction")]
    """A known corpus, or `pairs`: your own train.tsv, dev.tsv and test.tsv in the folder `root`."""
    collection: str | None = None
    """The part of a corpus that has several: a language of sigmorphon_g2p, a split of scan."""
    root: str | None = None
    """Folder of the corpus. Default: $CRNN_AUDIO_DATA/<corpus>, then data/<corpus>, then a download."""
    batch_tokens: Count = 2048
    """Padded tokens per batch (one optimiser step), counted on the longer side of each pair."""
    reversed: bool = False
    """Turn the pairs round: targets become sources."""

    @property
    def name(self) -> str:
        """The corpus's name in messages."""
        named = self.root or self.corpus if self.corpus == "pairs" else self.corpus
        return f"{named}/{self.collection}" if self.collection else named

    @model_validator(mode="after")
    def _a_folder_is_named(self) -> Self:
        if self.corpus == "pairs" and self.root is None:
            raise ValueError("corpus 'pairs' needs root, your folder of train.tsv and dev.tsv")
        return self


class DecoderLayers(Section):
    """The recurrent layers that write, and what they know of the source."""

    attention: Literal["additive", "dot", "location", "fixed"] = "additive"
    """Where the decoder looks for each token. `fixed`: nowhere; the encoder's last states are all that it knows."""
    attention_size: Count = 128
    """Numbers that the decoder's outputs and the encoder's frames are compared in."""
    embedding_size: Count = 128
    cell: Literal["rnn", "lstm", "gru", "tcn"] = "lstm"
    hidden_size: Count = 256
    num_layers: Annotated[int, Field(ge=1, le=100)] = 1
    norm: Literal["none", "layer"] = "layer"
    """Layer normalisation after the input projection and after each layer."""
    dropout: Fraction = 0.25
    """Dropout on the output of each layer, and before the softmax."""


class TransductionModel(Network):
    """An embedding and recurrent layers that read, and a decoder that writes."""

    embedding_size: Annotated[int, Field(ge=0, le=65_536)] = 128
    """Size of a source token's embedding; 0 uses one-hot vectors."""
    recurrent: RecurrentLayers = RecurrentLayers(num_layers=1)
    decoder: DecoderLayers = DecoderLayers()


class Search(Section):
    """How `translate` and `evaluate` search for the best target."""

    beam: Annotated[int, Field(ge=1, le=1000)] = 1
    """Hypotheses that are kept side by side; 1 is greedy."""
    length_penalty: Annotated[float, Field(ge=0, le=10)] = 0.6
    """Exponent of the length that scores are divided by; 0 prefers short targets."""
    coverage_penalty: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Weight of a penalty for parts of the source that the attention left out."""
    threshold: Annotated[float, Field(gt=0, le=1000)] = 4.0
    """Nats that an unfinished hypothesis may be behind the best one of its source, where one target is asked for."""


class TransductionRecipe(Recipe):
    """Words to their sounds, sentences to another language, commands to actions."""

    task: TransductionTask
    data: TransductionData
    model: TransductionModel = TransductionModel()
    search: Search = Search()

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.search.coverage_penalty and self.model.decoder.attention == "fixed":
            raise ValueError("search.coverage_penalty is of attention, which model.decoder.attention 'fixed' has not")
        return self
