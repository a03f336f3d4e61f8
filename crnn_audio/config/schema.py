"""The fields that recipes of every kind have, and which class of recipe a text means.

A recipe is data. It knows no other class of the package and no builder. Fields state what differs between experiments;
what nobody varies is not a field. `task.kind` selects the class, which says which sections there are.
"""

from collections.abc import Mapping
from typing import Annotated, Any, ClassVar, Literal, Self

from pydantic import Field, model_validator

from crnn_audio.config.fields import allowed
from crnn_audio.config.sections import Data, Network, Optim, Section, Task, Train


class Recipe(Section):
    """One experiment: what `make train RECIPE=...` reads. Each kind of recipe extends it with its own sections."""

    init: str | None = None
    """A trained run to fine-tune, by path or name: same features and network; new tokens are added."""
    task: Task
    data: Data
    model: Network = Network()
    optim: Optim = Optim()
    train: Train = Train()
    device: Annotated[str, Field(pattern=r"^(auto|cpu|cuda(:\d+)?)$", examples=["auto", "cpu", "cuda", "cuda:1"])] = (
        "auto"
    )
    """`auto` uses a GPU if there is one."""
    precision: Literal["float32", "bf16"] = "float32"
    """Of the inner layers; bf16 needs a device with units for it, else float32 is used. Losses are always float32."""
    threads: Annotated[int, Field(ge=0, le=1024)] = 0
    """CPU threads; 0 uses the cores of this machine, at most four. Results repeat only with the same number."""
    seed: Annotated[int, Field(ge=0, le=2**32 - 1)] = 1

    starts_from_runs: ClassVar[bool] = False
    """Whether `init` may name a trained run."""

    @model_validator(mode="after")
    def _init_is_known(self) -> Self:
        if self.init is not None and not self.starts_from_runs:
            raise ValueError("init is for task recognition only")
        return self


Kinds = Mapping[str, type[Recipe]]
"""Classes of recipes by `task.kind`."""
ORDER = ("init", "task", "data", "features", "augment", "model", "optim", "train")
"""The order in which sections are written; all others follow."""


def recipe_class(data: Any, kinds: Kinds) -> type[Recipe]:
    """The class that a recipe's data means by `task.kind`; if that names none, by its corpus; else the first."""

    def named(section: str, field: str) -> Any:
        inside = data.get(section) if isinstance(data, dict) else None
        return inside.get(field) if isinstance(inside, dict) else None

    kind, corpus = named("task", "kind"), named("data", "corpus")
    if isinstance(kind, str) and kind in kinds:
        return kinds[kind]
    of_corpus = (one for one in kinds.values() if corpus in corpora_of(one))
    return next(of_corpus, next(iter(kinds.values())))


def corpora_of(recipe: type[Recipe]) -> list[Any]:
    """The corpora that a class of recipes may name."""
    section = recipe.model_fields["data"].annotation
    assert section is not None, "every class of recipes has data"
    return allowed(section.model_fields["corpus"])
