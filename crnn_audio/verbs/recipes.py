"""List recipes, and show one in full."""

import json
import shlex
from pathlib import Path
from typing import Annotated, Any

import typer

from crnn_audio.console import report
from crnn_audio.verbs.arguments import Json, Overrides
from crnn_audio.verbs.exporting import is_exported


def list_recipes(as_json: Json = False) -> None:
    """List recipes and what each measured."""
    from crnn_audio.config import load as config

    found = [(str(path), config.measured_line(path)) for path in config.all_recipes()]
    width = max((len(path) for path, _ in found), default=0)
    for path, line in found:
        print(json.dumps({"recipe": path, "measured": line}) if as_json else f"{path:{width}}  {line}")


def show(
    recipe: Annotated[
        str | None,
        typer.Argument(metavar="RECIPE", help="A YAML file, a shipped name, a run, or an exported folder."),
    ] = None,
    overrides: Overrides = None,
    json_schema: Annotated[
        bool, typer.Option("--json-schema", help="Print only a JSON Schema of recipes, for an editor.")
    ] = False,
    usage: Annotated[
        str | None,
        typer.Option(metavar="RECORDING", help="Print the commands that use a run directory, and nothing else."),
    ] = None,
    gradients: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Plot as this PNG how far each cell remembers.")
    ] = None,
) -> None:
    """Print a recipe in full, with the size of its model.

    Every default is filled in; nothing is trained. With --gradients, prints and plots instead how much the gradient of
    an output shrinks or grows with the lag of an input: of each cell before training, of a run directory after it too.
    Of an exported folder, prints what its graph reads and gives.
    """
    from crnn_audio.config import load as config
    from crnn_audio.problems import RECIPES, load_recipe

    if json_schema:
        print(config.json_schema(RECIPES), end="")
        return
    if recipe is None:
        report("Name a recipe, such as an4/bilstm; `crnn-audio recipes` lists them.")
        raise typer.Exit(2)
    if is_exported(Path(recipe)):
        _show_exported(Path(recipe), wanted=not (overrides or usage or gradients))
        return
    path = Path(recipe) / "recipe.yaml" if Path(recipe).is_dir() and (Path(recipe) / "run.json").exists() else recipe
    resolved = load_recipe(path, *(overrides or []))
    if usage is not None:
        from crnn_audio.problems.registry import PROBLEMS

        for words in PROBLEMS[resolved.task.kind].usage(resolved, recipe, usage):
            print(shlex.join(words))
        return
    if gradients is not None:
        _gradients(resolved, recipe if path != recipe else None, gradients)
        return
    from crnn_audio.evaluation.show import show

    print(config.dump(resolved))
    print("\n".join(f"# {line}" for line in show(resolved).lines))


def _show_exported(path: Path, *, wanted: bool) -> None:
    from crnn_audio.inference.exported import folder, inspection

    if not wanted:
        report(f"{path}: an exported model, which has no recipe: leave out overrides, --usage and --gradients.")
        raise typer.Exit(2)
    print("\n".join(inspection.described(folder.open_folder(path))))


def _gradients(recipe: Any, run: str | None, path: Path) -> None:
    from crnn_audio.evaluation import gradients

    found = gradients.of_recipe(recipe)
    if run is not None:
        from crnn_audio.problems.restore import load

        found[f"{recipe.model.recurrent.cell}, trained"] = gradients.of_model(load(run, device="cpu").task)
    print("\n".join(gradients.lines(found)))
    gradients.save(path, found, recipe.optim.clip_norm)
    report(f"Plotted in {path}.")
