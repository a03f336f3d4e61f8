"""Recipes that learn from recordings: how cuts are batched, acoustic features, augmentation."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.schema import Recipe
from crnn_audio.config.sections import Count, Data, Model, Positive, Section

Rate = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(gt=0, le=10)]
Masks = Annotated[int, Field(ge=0, le=1000)]

# --------------------------------------------------------------------------------------------------- data


class SoundData(Data):
    """A corpus of recordings and how its cuts are batched."""

    corpus: str
    """A known corpus, or `manifests`: your own train.jsonl, dev.jsonl and test.jsonl (or .jsonl.gz) in `root`."""
    root: str | None = None
    """Folder of the corpus. Default: $CRNN_AUDIO_DATA/<corpus>, then data/<corpus>, then a download."""
    dev_as_train: bool = False
    """Train on the dev split too, to retrain with settings chosen on dev. Nothing is evaluated; the last weights are
    the result."""
    fold: Count | None = None
    """Test on this fold of a corpus that has folds, such as the speakers of fsdd; the next one is dev, the others are
    train. Default: the corpus's own splits."""
    batch_seconds: Positive = 60.0
    """Padded seconds per batch (one optimiser step), over all devices and accumulation parts together."""
    first_epoch: Literal["shuffled", "short_first"] = "short_first"
    """Order of the batches in the first epoch."""
    workers: Annotated[int, Field(ge=0, le=64)] = 1
    """Processes that load and resample audio; 0 loads in the training process."""

    @property
    def name(self) -> str:
        """The corpus's name in messages: of manifests their folder."""
        return self.root if self.corpus == "manifests" and self.root else self.corpus

    @model_validator(mode="after")
    def _manifests_have_a_root(self) -> Self:
        if self.corpus == "manifests" and self.root is None:
            raise ValueError("corpus 'manifests' needs root, the folder of train.jsonl and dev.jsonl")
        return self


# ----------------------------------------------------------------------------------------------- features

Normalize = Literal["global", "utterance", "none"]


class FbankFeatures(Section):
    """Log-mel filterbank exactly as Kaldi computes it."""

    kind: Literal["fbank"] = "fbank"
    sample_rate: Rate = 16000
    """Samples per second; audio of other rates is resampled."""
    num_mels: Count = 80
    """Mel bins per frame."""
    low_hz: Annotated[float, Field(ge=0)] = 20.0
    """Lower edge of the lowest mel bin, in hertz."""
    high_hz: float = -400.0
    """Upper edge of the highest mel bin, in hertz; zero or less is relative to half the sample rate."""
    normalize: Normalize = "global"


class LogMelFeatures(Section):
    """Log-mel spectrogram by torchaudio."""

    kind: Literal["log_mel"]
    sample_rate: Rate = 16000
    """Samples per second; audio of other rates is resampled."""
    num_mels: Count = 80
    """Mel bins per frame."""
    window_seconds: Seconds = 0.025
    """Window length."""
    hop_seconds: Seconds = 0.010
    """Time between frames."""
    normalize: Normalize = "global"


class MfccFeatures(Section):
    """Mel-frequency cepstral coefficients by torchaudio."""

    kind: Literal["mfcc"]
    sample_rate: Rate = 16000
    """Samples per second; audio of other rates is resampled."""
    num_mels: Count = 80
    """Mel bins per frame."""
    num_coefficients: Count = 40
    """Cepstral coefficients per frame; at most num_mels."""
    window_seconds: Seconds = 0.025
    """Window length."""
    hop_seconds: Seconds = 0.010
    """Time between frames."""
    normalize: Normalize = "global"


class MelFeatures(LogMelFeatures):
    """Mel spectrogram in decibels by librosa, on the CPU."""

    kind: Literal["mel"]  # type: ignore[assignment]


Features = Annotated[FbankFeatures | LogMelFeatures | MfccFeatures | MelFeatures, Field(discriminator="kind")]


# ------------------------------------------------------------------------------------------- augmentation


class SpecAugment(Section):
    """Random time and frequency masks (Park et al. 2019), sampled for each utterance and epoch."""

    start_epoch: Annotated[int, Field(ge=0)] = 0
    """The first epoch with masks, counted from 0."""
    time_masks: Masks = 2
    time_width: Count = 40
    """Maximum width of a time mask, in frames; at most a fifth of the utterance."""
    freq_masks: Masks = 2
    freq_width: Count = 27
    """Maximum width of a frequency mask, in bins; at most half of them."""


class Noise(Section):
    """Additive noise."""

    probability: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Probability that noise is added to an utterance."""
    snr_db: tuple[float, float] = (5.0, 25.0)
    """Lowest and highest signal-to-noise ratio, in decibels."""
    folder: str | None = None
    """Folder of noise recordings. Default: simulated noise between white and brown."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError(f"snr_db is [lowest, highest] (found {list(self.snr_db)})")
        return self


class Reverberation(Section):
    """Convolution with room impulse responses."""

    probability: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Probability that an utterance is reverberated."""
    folder: str | None = None
    """Folder of room impulse responses as audio files. Default: simulated ones."""


class Augment(Section):
    """Augmentation of the training audio and features."""

    speed: Annotated[list[Annotated[float, Field(gt=0.5, lt=2)]], Field(min_length=1)] = [1.0]  # noqa: RUF012  # pydantic copies it
    """Speed factors, of which one is sampled per utterance and epoch; 1.1 is faster and higher in pitch."""
    gain_db: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Maximum change of the level of an utterance, up or down, in decibels."""
    noise: Noise | None = None
    reverberation: Reverberation | None = None
    spec_augment: SpecAugment | None = None


# ------------------------------------------------------------------------------------------------- recipe


class SoundRecipe(Recipe):
    """What every recipe has that learns from recordings."""

    data: SoundData
    model: Model = Model()
    features: Features = FbankFeatures()
    augment: Augment = Augment()

    @model_validator(mode="after")
    def _dev_is_evaluated_or_trained_on(self) -> Self:
        if self.data.dev_as_train and (self.train.early_stopping or self.optim.schedule == "plateau"):
            raise ValueError(
                "data.dev_as_train leaves no dev split to evaluate, which train.early_stopping and optim.schedule "
                "'plateau' need"
            )
        return self
