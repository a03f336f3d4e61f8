"""One module a kind of recipe, the only place that knows both a recipe and its parts; and the contract that each keeps.

A problem is a module, not a class: it names its recipe, and turns that into data, assets, a task, batches, scores and
what people use. Everything above (training, evaluation, the verbs) is generic: it looks a problem up by `task.kind` in
`registry.PROBLEMS`. The recipe classes stand here by themselves, so that mistakes in a recipe are reported without
importing torch.
"""

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from crnn_audio.config import load as config
from crnn_audio.config.classification import ClassificationRecipe
from crnn_audio.config.labelling import LabellingRecipe
from crnn_audio.config.memory import MemoryRecipe
from crnn_audio.config.music import MusicRecipe
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.config.schema import Kinds, Recipe
from crnn_audio.config.text import TextRecipe
from crnn_audio.config.transduction import TransductionRecipe

if TYPE_CHECKING:
    from torch import Tensor

    from crnn_audio.batching.checks import Finding
    from crnn_audio.corpora.home import Progress
    from crnn_audio.decoding.decoder import Decoder
    from crnn_audio.features.distort import Distortion
    from crnn_audio.metrics.scores import Scores
    from crnn_audio.runs import Run

RECIPES: Kinds = {
    "recognition": RecognitionRecipe,
    "rolls": RollsRecipe,
    "music": MusicRecipe,
    "text": TextRecipe,
    "transduction": TransductionRecipe,
    "classification": ClassificationRecipe,
    "memory": MemoryRecipe,
    "labelling": LabellingRecipe,
}
"""The recipe class of each problem, by its `task.kind`."""


def load_recipe(path: str | Path, *overrides: str) -> Recipe:
    """The recipe in a file or of a shipped name, changed by overrides such as "optim.lr=2e-4".

    Raises:
        RecipeError: it cannot be read, or something in it is wrong: all problems at once.
    """
    return config.load(path, overrides, RECIPES)


@dataclass(frozen=True)
class Data:
    """A corpus as a recipe reads it.

    Args:
        items: cuts, pieces, tunes or a text, by split.
        held_out: the splits that training does not learn from.
        remarks: what a person should know of it, a line each.
        findings: what is wrong with training items, which are left out for it.
    """

    items: Mapping[str, Any]
    held_out: tuple[str, ...]
    remarks: tuple[str, ...] = ()
    findings: tuple["Finding", ...] = ()


@runtime_checkable
class Assets(Protocol):
    """What a run keeps beside its weights, such as a vocabulary; it saves and loads itself."""

    def save(self, folder: Path) -> None:
        """Writes its files into a run directory."""


@runtime_checkable
class Task(Protocol):
    """An `nn.Module` with a network and a loss that is summed over a batch's items."""

    mixed: bool
    """Whether the network's inside is trained in bfloat16."""

    @property
    def model(self) -> Any:
        """The network, whose weights a run keeps; its head has a NAME."""

    def advance(self, batch: Any, carry: Any) -> "tuple[Tensor, Any]":
        """The loss with gradient, and the state for the batch after it, or None; `carry` is that of the one before."""

    def to(self, device: Any) -> Any:
        """Moves it to a device."""

    def train(self, mode: bool = True) -> Any:
        """Training or evaluation mode."""

    def eval(self) -> Any:
        """Evaluation mode."""


@runtime_checkable
class Batches(Protocol):
    """Global batches, addressable by epoch and step, so that a run can resume anywhere."""

    def num_steps(self, epoch: int) -> int:
        """Steps of an epoch."""

    def steps(self, epoch: int, start: int) -> Iterator[Sequence[Any]]:
        """This process's parts of each global batch, from step `start` on."""


@dataclass(frozen=True)
class Feed:
    """The training split as the loop reads it.

    Args:
        unit: what the amount of a batch is counted in, such as "frames".
        fingerprint: what all processes that train together must agree on.
        findings: items that are left out, each with its reason.
        remarks: what a person should know, a line each.
    """

    batches: Batches
    unit: str
    fingerprint: object
    findings: tuple["Finding", ...] = ()
    remarks: tuple[str, ...] = ()


@dataclass(frozen=True)
class ScoreOptions:
    """How a split is scored; each problem reads what it knows.

    Args:
        epoch: of a pass during training, in which a generator also generates a sample; None otherwise.
        training: the training items, for baselines and comparisons; None computes none.
        num_generated: items that a generator generates to be compared with the corpus.
        decoder: turns log-probabilities into tokens; greedy by default.
        distortion: what is done to sound before it is recognised.
        background: a folder of sound without any keyword, in which false alarms are counted.
        false_alarms: how many of them an hour are tolerated.
    """

    epoch: int | None = None
    training: Any = None
    num_generated: int = 20
    decoder: "Decoder[Any] | None" = None
    distortion: "Distortion | None" = None
    background: Path | None = None
    false_alarms: float = 0.5


@dataclass(frozen=True)
class Summary:
    """A recipe's model in figures, without training it; `lines` are for people."""

    num_parameters: int
    figures: Mapping[str, float | bool | None] = field(default_factory=dict)
    lines: tuple[str, ...] = ()


@dataclass(frozen=True)
class Card:
    """The words of a problem for a model card.

    Args:
        what: what the model does and how it is built.
        scores: the table of its scores.
        sections: further sections by title.
    """

    what: str
    scores: str
    sections: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True)
class Inspection:
    """What `prepare` found in a corpus: figures a row, what makes it unusable, and what a person should know."""

    rows: tuple[Mapping[str, Any], ...]
    problems: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()


@runtime_checkable
class Problem(Protocol):
    """The contract. Recipes, assets, tasks and items are those of the problem, so here they have no narrower type."""

    Assets: Any
    """The class of its assets; its `from_folder(folder, recipe)` reads those of a run."""
    METRIC: str
    """What chooses between models on dev, such as "wer"."""
    OPTIONS: frozenset[str]
    """The fields of `ScoreOptions` that people may set for it, such as "distortion"."""

    @property
    def Recipe(self) -> type[Recipe]:
        """The class of its recipes."""

    def data(self, recipe: Any, progress: "Progress | None" = None) -> Data:
        """The corpus: found, made or downloaded."""

    def assets(
        self, recipe: Any, data: Data, init: "Initial | None" = None, report: Callable[[str], None] = print
    ) -> Any:
        """What the training split decides, such as the vocabulary; `init` is the trained run to start from."""

    def task(self, recipe: Any, assets: Any) -> Task:
        """The model and its loss, with initial weights that depend on the seed alone."""

    def feed(self, recipe: Any, data: Data, assets: Any, rank: int = 0, ranks: int = 1) -> Feed:
        """The training split as batches; a rank reads its share of each."""

    def scores(self, task: Any, recipe: Any, assets: Any, items: Any, options: ScoreOptions) -> "Scores":
        """One pass over the items of a split: for dev during training, and for `evaluate`."""

    def transfer(self, recipe: Any, assets: Any) -> list[str]:
        """The overrides with which a recipe reads another corpus than the one that its model was trained on."""

    def inputs(self, recipe: Any) -> str:
        """What the network reads, in a phrase, for the tables of results: "fbank, 80 bins"."""

    def opened(self, run: "Run", recipe: Any, assets: Any, task: Any) -> Any:
        """What `load` gives people."""

    def summary(self, recipe: Any) -> Summary:
        """The model in figures, for `show`."""

    def usage(self, recipe: Any, model: str, recording: str) -> list[list[str]]:
        """The commands that use a trained model, as words; `recording` is a sound file, for those that take one."""

    def card(self, run: "Run", recipe: Any, assets: Any, task: Any, scores: Sequence["Scores"]) -> Card:
        """Its words for the model card."""

    def inspect(self, name: str, folder: Path, progress: "Progress | None" = None) -> Inspection:
        """Reads all of a corpus that lies in `folder`, for `prepare`."""


@dataclass(frozen=True)
class Initial:
    """A trained run that a new one starts from: its recipe and its assets."""

    run: "Run"
    recipe: Any
    assets: Any
