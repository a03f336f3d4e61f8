"""Every field of a recipe: its default, its range and what it means.

A recipe is data. It knows no class and no builder; `crnn_audio.build` turns it into parts. Fields state what differs
between experiments; what nobody varies is not a field.
"""

from pathlib import Path
from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=65_536)]
"""Bounded, as all sizes are, so that a slip of the finger is told at once and not by a machine out of memory."""
Rate = Annotated[int, Field(ge=1, le=1_000_000)]
Extent = Annotated[int, Field(ge=1, le=255)]
Pair = tuple[Extent, Extent]
Seconds = Annotated[float, Field(gt=0, le=10)]
Masks = Annotated[int, Field(ge=0, le=1000)]


class Section(BaseModel):
    """What all parts of a recipe share: unknown fields are errors, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


# ------------------------------------------------------------------------------------------------ task


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


# ------------------------------------------------------------------------------------------------ data


class Data(Section):
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


# ------------------------------------------------------------------------------------------------ features

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


# ------------------------------------------------------------------------------------------------ augmentation


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

    speed: Annotated[list[Annotated[float, Field(gt=0.5, lt=2)]], Field(min_length=1)] = [1.0]
    """Speed factors of which each utterance draws one an epoch; 1.1 plays faster and higher, as a tape would."""
    gain_db: Annotated[float, Field(ge=0, le=60)] = 0.0
    """Largest change of an utterance's loudness, up or down, in decibels."""
    noise: Noise | None = None
    rooms: Rooms | None = None
    spec_augment: SpecAugment | None = None


# ------------------------------------------------------------------------------------------------ model


class ConvLayer(Section):
    """One masked 2-D convolution over time and bins, then norm, activation and dropout."""

    channels: Count = 32
    kernel: Pair = (3, 3)
    """Extent in [time, bins]; odd."""
    stride: Pair = (1, 1)
    """Step in [time, bins]; time strides multiply to the subsampling factor."""

    @model_validator(mode="after")
    def _odd(self) -> Self:
        if any(size % 2 == 0 for size in self.kernel):
            raise ValueError(f"kernel sizes must be odd, so that a frame has a middle (found {list(self.kernel)})")
        if self.stride[0] > self.kernel[0]:
            raise ValueError(f"a time stride of {self.stride[0]} would skip frames under a kernel of {self.kernel[0]}")
        return self


class RecurrentLayers(Section):
    """Layers that carry a state along time."""

    cell: Literal["rnn", "lstm", "gru"] = "lstm"
    nonlinearity: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """Of the simple RNN alone."""
    hidden_size: Count = 256
    """Units a direction."""
    num_layers: Annotated[int, Field(ge=1, le=100)] = 3
    bidirectional: bool = True
    norm: Literal["none", "layer"] = "layer"
    """After the input projection and after each layer, over the units of one frame."""
    dropout: Probability = 0.25
    """On each layer's output."""
    residual: bool = False
    """Add a layer's input to its output where their sizes agree."""
    look_ahead: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Output frames after its own that each output of a one-directional stack hears (a row convolution)."""

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.look_ahead and self.bidirectional:
            raise ValueError("look_ahead is for one-directional layers; bidirectional ones hear the whole sequence")
        if self.nonlinearity != "tanh" and self.cell != "rnn":
            raise ValueError(f"nonlinearity '{self.nonlinearity}' is for cell 'rnn', but cell is '{self.cell}'")
        return self


class Model(Section):
    """The CRNN: convolutions, recurrent layers, head."""

    conv: Annotated[list[ConvLayer], Field(max_length=100)] = [ConvLayer(stride=(2, 2)), ConvLayer(stride=(2, 2))]
    conv_norm: Literal["none", "layer"] = "layer"
    """Over the channels and bins of one frame."""
    conv_activation: Literal["relu", "gelu", "silu"] = "relu"
    conv_dropout: Probability = 0.0
    conv_time: Literal["same", "causal", "valid"] = "same"
    """Zeros around a sequence in time: both sides, before it only (no look-ahead), none."""
    recurrent: RecurrentLayers = RecurrentLayers()


# ------------------------------------------------------------------------------------------------ optimisation


class Optim(Section):
    """How weights move."""

    name: Literal["adamw", "adam", "sgd", "rmsprop", "adagrad", "adadelta"] = "adamw"
    lr: Positive = 1e-3
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled for adamw; a gradient term otherwise. Never on biases and norms."""
    betas: tuple[Probability, Probability] = (0.9, 0.98)
    """Of adam and adamw."""
    momentum: Probability = 0.0
    """Of sgd and rmsprop."""
    nesterov: bool = False
    """Of sgd with momentum."""
    schedule: Literal["constant", "warmup", "cosine", "one_cycle", "plateau"] = "one_cycle"
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Share of all steps in which the rate rises from lr/25."""
    plateau_patience: Count = 3
    """Evaluations without a better dev score before the rate is halved."""
    max_epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    clip_norm: Positive | None = 5.0
    """Largest norm of the whole gradient."""
    clip_value: Positive | None = None
    """Largest magnitude of a single gradient element."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay a step of the exponential moving average of the weights that is judged and kept; 0 keeps the weights."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and (self.name != "sgd" or self.momentum == 0):
            raise ValueError(f"nesterov needs name 'sgd' and momentum above 0 (found '{self.name}', {self.momentum})")
        return self


class Train(Section):
    """When to look, save and stop."""

    eval_epochs: Count = 1
    """Epochs between evaluations on dev."""
    early_stopping: Annotated[int, Field(ge=0)] = 0
    """Evaluations without a better dev score before training ends; 0 never stops early."""
    checkpoint_steps: Annotated[int, Field(ge=0)] = 0
    """Steps between checkpoints besides the one after each epoch; 0 saves about every two minutes."""


# ------------------------------------------------------------------------------------------------ the whole


class Recipe(Section):
    """One experiment, whole: what `make train RECIPE=...` reads."""

    init: str | None = None
    """A trained run to start from, by path or shipped name: same features and network; new tokens are added."""
    task: RecognitionTask = RecognitionTask()
    data: Data
    features: Features = FbankFeatures()
    augment: Augment = Augment()
    model: Model = Model()
    optim: Optim = Optim()
    train: Train = Train()
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$", examples=["auto", "cpu", "cuda", "cuda:1"])] = (
        "auto"
    )
    """`auto` takes a GPU where there is one."""
    precision: Literal["float32", "bf16"] = "float32"
    """Of the network's inside; log-softmax and losses are always float32."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads; 0 takes this machine's cores, four at most. The count is part of what makes a run repeatable."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1

    @model_validator(mode="after")
    def _sections_agree(self) -> Self:
        if self.data.dev_as_train and (self.train.early_stopping or self.optim.schedule == "plateau"):
            raise ValueError("data.dev_as_train leaves no dev to judge; early_stopping and schedule plateau need one")
        if self.task.intermediate and self.model.recurrent.num_layers < 2:
            raise ValueError("task.intermediate puts heads between recurrent layers, so model.recurrent needs two")
        return self

    @classmethod
    def load(cls, path: str | Path, *overrides: str) -> "Recipe":
        """The recipe in a file or of a shipped name, changed by overrides such as "optim.lr=2e-4".

        Raises:
            RecipeError: it cannot be read, or something in it is wrong: all problems at once.
        """
        from crnn_audio.config.load import load  # here, because loading is built on this schema

        return load(path, overrides)
