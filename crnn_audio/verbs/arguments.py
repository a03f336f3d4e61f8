"""Arguments and options that several verbs take."""

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

RecipeArgument = Annotated[str, typer.Argument(metavar="RECIPE", help="A YAML file, or a shipped name: an4/bilstm.")]
Overrides = Annotated[
    list[str] | None, typer.Argument(metavar="KEY=VALUE", help="Changes to the recipe: optim.lr=1e-3.")
]
ModelArgument = Annotated[str, typer.Argument(metavar="MODEL", help="A run directory, or the name of a shipped model.")]
Root = Annotated[Path | None, typer.Option(help="Folder of the corpus.")]
Device = Annotated[str, typer.Option(help="auto, cpu or cuda.")]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object a line.")]


class Weights(StrEnum):
    """The weights of a run: the best on dev, or the last ones."""

    best = "best"
    last = "last"


WeightsOption = Annotated[Weights, typer.Option(help="The best weights on dev, or the last of training.")]
