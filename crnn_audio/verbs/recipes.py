"""List recipes, and show one in full."""

import json
from typing import Annotated

import typer

from crnn_audio.console import report
from crnn_audio.verbs.arguments import Json, Overrides


def list_recipes(as_json: Json = False) -> None:
    """List recipes and their measured results."""
    from crnn_audio.config import load

    found = [(str(path), load.measured_line(path)) for path in load.all_recipes()]
    width = max((len(path) for path, _ in found), default=0)
    for path, line in found:
        print(json.dumps({"recipe": path, "measured": line}) if as_json else f"{path:{width}}  {line}")


def show(
    recipe: Annotated[
        str | None, typer.Argument(metavar="RECIPE", help="A YAML file, or a shipped name: an4/bilstm.")
    ] = None,
    overrides: Overrides = None,
    json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print only a JSON Schema of recipes, for an editor.")
    ] = False,
) -> None:
    """Print a recipe in full, with the size of its model.

    Every default is filled in; nothing is trained.
    """
    from crnn_audio.config import load
    from crnn_audio.config.kinds import RECIPES

    if json_schema:
        print(load.json_schema(RECIPES), end="")
        return
    if recipe is None:
        report("Name a recipe, such as an4/bilstm; `crnn-audio recipes` lists them.")
        raise typer.Exit(2)
    resolved = load.load(recipe, overrides or [], RECIPES)
    from crnn_audio.inference.show import lines, show

    print(load.dump(resolved))
    print("\n".join(f"# {line}" for line in lines(resolved, show(resolved))))
