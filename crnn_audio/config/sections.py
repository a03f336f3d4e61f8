"""The sections that every recipe may have: the network, how its weights move, when to look, save and stop."""

from typing import Annotated, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

Probability = Annotated[float, Field(ge=0, lt=1)]
Positive = Annotated[float, Field(gt=0)]
Count = Annotated[int, Field(ge=1, le=65_536)]
"""Bounded, as all sizes are, so that a slip of the finger is told at once and not by a machine out of memory."""
Extent = Annotated[int, Field(ge=1, le=255)]
Pair = tuple[Extent, Extent]


class Section(BaseModel):
    """What all parts of a recipe share: unknown fields are errors, and nothing changes after validation."""

    model_config = ConfigDict(extra="forbid", frozen=True, use_attribute_docstrings=True, allow_inf_nan=False)


# --------------------------------------------------------------------------------------------------- model


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

    cell: Literal["rnn", "lstm", "gru", "tcn"] = "lstm"
    """`tcn`: causal dilated convolutions in the place of recurrence, the dilation doubling from layer to layer."""
    nonlinearity: Literal["tanh", "relu", "sigmoid"] = "tanh"
    """Of the simple RNN alone."""
    hidden_size: Count = 256
    """Units a direction."""
    num_layers: Annotated[int, Field(ge=1, le=100)] = 3
    projection: bool = True
    """A linear map to hidden_size before the first layer; without it that reads the frames as they come."""
    bidirectional: bool = True
    kernel_size: Extent = 3
    """Taps of the TCN's convolutions."""
    activation: Literal["relu", "gelu"] = "relu"
    """After each of the TCN's convolutions."""
    norm: Literal["none", "layer"] = "layer"
    """After the input projection and after each layer, over the units of one frame."""
    dropout: Probability = 0.25
    """On each layer's output."""
    input_dropout: Probability = 0.0
    """On the frames that come in."""
    variational: bool = False
    """Dropout takes the same units of a sequence at every frame."""
    zoneout: Probability = 0.0
    """Probability that a unit of a cell keeps its state of the frame before."""
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
        if self.activation != "relu" and self.cell != "tcn":
            raise ValueError(f"activation '{self.activation}' is for cell 'tcn', but cell is '{self.cell}'")
        if self.cell == "tcn" and (self.bidirectional or self.zoneout or not self.projection):
            raise ValueError(
                "cell 'tcn' hears only the past, has no state to keep, and adds its input to its output: bidirectional "
                "false, zoneout 0, projection true"
            )
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


# -------------------------------------------------------------------------------------------- optimisation


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
