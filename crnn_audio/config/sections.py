"""The sections that recipes of every kind have: task, data, model, optimisation, training."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Fraction = Annotated[float, Field(ge=0, lt=1)]
"""At least 0 and below 1, such as a dropout rate or a decay."""
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=65_536)]
"""Bounded, as all sizes are, so that a typing error is reported at once and not by a machine out of memory."""
Extent = Annotated[int, Field(ge=1, le=255)]
Pair = tuple[Extent, Extent]


class Section(BaseModel):
    """The base of all parts of a recipe: unknown fields are errors, and instances are immutable."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


class Task(Section):
    """What a model learns; `kind` selects the recipe's class."""

    kind: str

    @property
    def metric(self) -> str:
        """What chooses between models on dev, where that is not the metric of the kind."""
        return ""


class Generation(Section):
    """What `generate` does with the trained model by default."""

    temperature: Annotated[float, Field(ge=0, le=100)] = 1.0
    """Below 1 less, above 1 more random; 0 takes the likeliest token."""
    top_p: Annotated[float, Field(gt=0, le=1)] = 1.0
    """Sample from the likeliest tokens with this total probability."""


class Data(Section):
    """A corpus and how it is batched."""

    corpus: str
    root: str | None = None
    accumulate: Count = 1
    """Parts that each batch is split into, computed one after the other to save memory."""

    @property
    def name(self) -> str:
        """The corpus's name in messages."""
        return self.corpus


# --------------------------------------------------------------------------------------------------- model


class ConvLayer(Section):
    """One masked 2-D convolution over time and bins, then norm, activation and dropout."""

    channels: Count = 32
    kernel: Pair = (3, 3)
    """Size in [time, bins]; odd."""
    stride: Pair = (1, 1)
    """Stride in [time, bins]; the product of the time strides is the subsampling factor."""

    @model_validator(mode="after")
    def _odd(self) -> Self:
        if any(size % 2 == 0 for size in self.kernel):
            raise ValueError(f"kernel sizes must be odd, so that each has a centre (found {list(self.kernel)})")
        if self.stride[0] > self.kernel[0]:
            raise ValueError(f"a time stride of {self.stride[0]} skips frames with a kernel of {self.kernel[0]}")
        return self


class RecurrentLayers(Section):
    """Recurrent layers, or causal convolutions in their place."""

    cell: Literal["rnn", "lstm", "gru", "tcn"] = "lstm"
    """`tcn`: causal dilated convolutions instead of recurrence; the dilation doubles from layer to layer."""
    nonlinearity: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """For `cell: rnn` only."""
    hidden_size: Count = 256
    """Units per direction."""
    num_layers: Annotated[int, Field(ge=1, le=100)] = 3
    projection: bool = True
    """Apply a linear layer of hidden_size units before the first recurrent layer."""
    bidirectional: bool = True
    kernel_size: Extent = 3
    """Kernel size of the TCN's convolutions."""
    activation: Literal["relu", "gelu"] = "relu"
    """After each convolution of the TCN."""
    norm: Literal["none", "layer"] = "layer"
    """Layer normalisation after the input projection and after each layer."""
    dropout: Fraction = 0.25
    """Dropout on the output of each layer."""
    input_dropout: Fraction = 0.0
    """Dropout on the input frames."""
    variational: bool = False
    """Use the same dropout mask at every frame of a sequence (Gal and Ghahramani 2016)."""
    zoneout: Fraction = 0.0
    """Fraction that a unit keeps its previous state (Krueger et al. 2017)."""
    residual: bool = False
    """Add the input of a layer to its output where their sizes agree."""
    chrono: Annotated[int, Field(ge=0, le=1_000_000)] = 0
    """Longest dependency in frames that LSTM or GRU gates are initialised for (Tallec and Ollivier 2018); 0: none."""
    look_ahead: Annotated[int, Field(ge=0, le=10_000)] = 0
    """Future output frames that each output of unidirectional layers depends on (a row convolution)."""

    @model_validator(mode="after")
    def _fields_agree(self) -> Self:
        if self.look_ahead and self.bidirectional:
            raise ValueError("look_ahead is for unidirectional layers; bidirectional layers read the whole sequence")
        if self.nonlinearity != "tanh" and self.cell != "rnn":
            raise ValueError(f"nonlinearity '{self.nonlinearity}' is for cell 'rnn', but cell is '{self.cell}'")
        if self.activation != "relu" and self.cell != "tcn":
            raise ValueError(f"activation '{self.activation}' is for cell 'tcn', but cell is '{self.cell}'")
        if self.chrono and (self.chrono < 3 or self.cell not in ("lstm", "gru")):
            raise ValueError(
                f"chrono is for cells 'lstm' and 'gru', and 3 or more (found {self.chrono}, '{self.cell}')"
            )
        if self.cell == "tcn" and (self.bidirectional or self.zoneout or not self.projection):
            raise ValueError(
                "cell 'tcn' is causal, has no state for zoneout, and has residual connections: bidirectional must be "
                "false, zoneout 0, projection true"
            )
        return self


class Network(Section):
    """What every model has."""

    recurrent: RecurrentLayers = RecurrentLayers()


class Model(Network):
    """The CRNN: convolutions, recurrent layers, head."""

    conv: Annotated[list[ConvLayer], Field(max_length=100)] = [ConvLayer(stride=(2, 2)), ConvLayer(stride=(2, 2))]
    conv_norm: Literal["none", "layer"] = "layer"
    """Layer normalisation over the channels and bins of one frame."""
    conv_activation: Literal["relu", "gelu", "silu"] = "relu"
    conv_dropout: Fraction = 0.0
    conv_time: Literal["same", "causal", "valid"] = "same"
    """Zero padding in time: on both sides, before the sequence only (no look-ahead), or none."""


class CausalNetwork(Network):
    """What every model has that predicts the next token."""

    recurrent: RecurrentLayers = RecurrentLayers(bidirectional=False)

    @model_validator(mode="after")
    def _is_causal(self) -> Self:
        check_causal(self.recurrent)
        return self


def check_causal(layers: RecurrentLayers) -> None:
    """Layers that predict what comes next read the past alone.

    Raises:
        ValueError: they do not.
    """
    if layers.bidirectional:
        raise ValueError("the next step is predicted from the past, so model.recurrent.bidirectional must be false")
    if layers.look_ahead:
        raise ValueError("the next step is predicted from the past, so model.recurrent.look_ahead must be 0")


# -------------------------------------------------------------------------------------------- optimisation


class Optim(Section):
    """The optimiser and its learning rate schedule."""

    name: Literal["adamw", "adam", "sgd", "rmsprop", "adagrad", "adadelta"] = "adamw"
    lr: Positive = 1e-3
    """Peak learning rate."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.0
    """Decoupled for adamw, an L2 term of the gradient otherwise; never on biases and norms."""
    betas: tuple[Fraction, Fraction] = (0.9, 0.98)
    """For adam and adamw."""
    momentum: Fraction = 0.0
    """For sgd and rmsprop."""
    nesterov: bool = False
    """For sgd with momentum."""
    schedule: Literal["constant", "warmup", "cosine", "one_cycle", "plateau"] = "one_cycle"
    warmup: Annotated[float, Field(ge=0, le=1)] = 0.15
    """Fraction of all steps in which the learning rate rises from lr/25."""
    plateau_patience: Count = 3
    """Evaluations without a better dev score before the learning rate is halved."""
    max_epochs: Annotated[int, Field(ge=1, le=10_000)] = 30
    clip_norm: Positive | None = 5.0
    """Maximum norm of the gradient of all parameters."""
    clip_value: Positive | None = None
    """Maximum absolute value of a gradient element."""
    ema: Annotated[float, Field(ge=0, lt=1)] = 0.0
    """Decay per step of an exponential moving average of the weights, which is evaluated and saved; 0 is off."""

    @model_validator(mode="after")
    def _nesterov_needs_momentum(self) -> Self:
        if self.nesterov and (self.name != "sgd" or self.momentum == 0):
            raise ValueError(f"nesterov needs name 'sgd' and momentum above 0 (found '{self.name}', {self.momentum})")
        return self


class Train(Section):
    """When to evaluate, save and stop."""

    eval_epochs: Count = 1
    """Epochs between evaluations on dev."""
    early_stopping: Annotated[int, Field(ge=0)] = 0
    """Evaluations without a better dev score before training ends; 0 never stops early."""
    checkpoint_steps: Annotated[int, Field(ge=0)] = 0
    """Steps between checkpoints, besides the one after each epoch; 0 saves about every two minutes."""
