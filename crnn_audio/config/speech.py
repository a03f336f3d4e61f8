"""The sections of recipes that hear: speech recognition, its corpora, features of sound and what is done to it."""

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.sections import Count, Positive, Probability, Section

Rate = Annotated[int, Field(ge=1, le=1_000_000)]
Seconds = Annotated[float, Field(gt=0, le=10)]
Masks = Annotated[int, Field(ge=0, le=1000)]

# --------------------------------------------------------------------------------------------------- task


class RecognitionTask(Section):
    """Speech to text with CTC: many frames in, fewer tokens out."""

    kind: Literal["recognition"] = "recognition"
    vocabulary: Literal["characters", "words"] = "characters"
    """What one token is."""
    case: Literal["keep", "lower", "upper"] = "keep"
    """How transcripts are spelled before they become tokens."""
    punctuation: Literal["keep", "remove"] = "keep"
    """Whether everything but letters, digits, marks and apostrophes becomes a space in transcripts."""
    consistency: Annotated[float, Field(ge=0, le=10)] = 0.0
    """Weight of the divergence between the posteriors of two differently masked views (CR-CTC); 0 trains one view."""
    intermediate: Probability = 0.0
    """Share of the loss on CTC heads between the recurrent layers, whose guesses the next layer hears; 0 has none."""


# --------------------------------------------------------------------------------------------------- data


class SpeechData(Section):
    """Which corpus, and how its cuts become batches."""

    corpus: Literal["spoken_digits", "an4", "fsdd", "mini_librispeech", "librispeech", "manifests"]
    """A known corpus, or `manifests`: train.jsonl, dev.jsonl and test.jsonl (or .jsonl.gz) in `root`."""
    root: str | None = None
    """Where the corpus lies; by default $CRNN_AUDIO_DATA/<corpus>, then data/<corpus>, then its official home."""
    dev_as_train: bool = False
    """Train on the dev split too, to retrain with choices made on dev; nothing is judged, the last weights count."""
    batch_seconds: Positive = 60.0
    """Padded seconds of one optimiser step's batch, over all devices and accumulation parts together."""
    accumulate: Count = 1
    """Parts that a batch is split into, one after the other, to fit in memory."""
    first_epoch: Literal["shuffled", "short_first"] = "short_first"
    """Order of the first epoch's batches."""
    workers: Annotated[int, Field(ge=0, le=64)] = 1
    """Processes that read and resample ahead; 0 reads in the training process."""

    @property
    def name(self) -> str:
        """What messages call the corpus: its name, or the folder of its manifests."""
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
    """Samples per second that all audio is brought to."""
    num_mels: Count = 80
    """Mel bins of a frame."""
    low_hz: Annotated[float, Field(ge=0)] = 20.0
    """Lower edge of the lowest bin."""
    high_hz: float = -400.0
    """Upper edge; zero or less counts down from half the sample rate."""
    normalize: Normalize = "global"


class LogMelFeatures(Section):
    """Log-mel spectrogram by torchaudio."""

    kind: Literal["log_mel"]
    sample_rate: Rate = 16000
    """Samples per second that all audio is brought to."""
    num_mels: Count = 80
    """Mel bins of a frame."""
    window_seconds: Seconds = 0.025
    """Sound under one frame."""
    hop_seconds: Seconds = 0.010
    """Time between frames."""
    normalize: Normalize = "global"


class MfccFeatures(Section):
    """Mel-frequency cepstral coefficients by torchaudio."""

    kind: Literal["mfcc"]
    sample_rate: Rate = 16000
    """Samples per second that all audio is brought to."""
    num_mels: Count = 80
    """Mel bins of a frame."""
    num_coefficients: Count = 40
    """Cepstral coefficients of a frame; no more than num_mels."""
    window_seconds: Seconds = 0.025
    """Sound under one frame."""
    hop_seconds: Seconds = 0.010
    """Time between frames."""
    normalize: Normalize = "global"


class MelFeatures(Section):
    """Mel spectrogram in decibels by librosa, on the CPU."""

    kind: Literal["mel"]
    sample_rate: Rate = 16000
    """Samples per second that all audio is brought to."""
    num_mels: Count = 80
    """Mel bins of a frame."""
    window_seconds: Seconds = 0.025
    """Sound under one frame."""
    hop_seconds: Seconds = 0.010
    """Time between frames."""
    normalize: Normalize = "global"


Features = Annotated[FbankFeatures | LogMelFeatures | MfccFeatures | MelFeatures, Field(discriminator="kind")]


# ------------------------------------------------------------------------------------------- augmentation


class SpecAugment(Section):
    """Random time and frequency masks (Park et al. 2019), drawn anew for each utterance and epoch."""

    start_epoch: Annotated[int, Field(ge=0)] = 0
    """Epochs without masks at the start."""
    time_masks: Masks = 2
    time_width: Count = 40
    """Longest time mask, in frames; never more than a fifth of the utterance."""
    freq_masks: Masks = 2
    freq_width: Count = 27
    """Widest frequency mask, in bins; never more than half of them."""


class Noise(Section):
    """Sounds beside the speech, in some of the utterances."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the utterances that get some."""
    snr_db: tuple[float, float] = (5.0, 25.0)
    """Lowest and highest ratio of speech to noise, in decibels."""
    folder: str | None = None
    """Recordings of noise; without it, noise between white and brown is simulated."""

    @model_validator(mode="after")
    def _in_order(self) -> Self:
        if self.snr_db[0] > self.snr_db[1]:
            raise ValueError(f"snr_db is [lowest, highest] (found {list(self.snr_db)})")
        return self


class Rooms(Section):
    """Reverberation, in some of the utterances."""

    share: Annotated[float, Field(gt=0, le=1)] = 0.5
    """Share of the utterances that get one."""
    folder: str | None = None
    """Impulse responses of rooms as audio files; without it, rooms are simulated."""


class Augment(Section):
    """What is done to the training audio."""

    speed: Annotated[list[Annotated[float, Field(gt=0.5, lt=2)]], Field(min_length=1)] = [1.0]  # noqa: RUF012  # pydantic copies it
    """Speed factors of which each utterance draws one an epoch; 1.1 plays faster and higher, as a tape would."""
    gain_db: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Largest change of an utterance's loudness, up or down, in decibels."""
    noise: Noise | None = None
    rooms: Rooms | None = None
    spec_augment: SpecAugment | None = None
