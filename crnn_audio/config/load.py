"""Loads recipes from YAML files with `key.path=value` overrides, and writes them as YAML.

Validation is strict: `"64"` is not a number and `1` is not true, but a whole number is allowed for any number. `kinds`
are the classes of recipes that there are, by `task.kind`.
"""

import copy
import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any, Union

from pydantic import TypeAdapter, ValidationError

from crnn_audio import files
from crnn_audio.config import flat_yaml
from crnn_audio.config.explain import Problem, dotted, explain, nearest
from crnn_audio.config.fields import TAG
from crnn_audio.config.overrides import Override, apply
from crnn_audio.config.renames import rename
from crnn_audio.config.schema import ORDER, Kinds, Recipe, recipe_class
from crnn_audio.errors import OldRecipeError, RecipeError

SHOWN = 100
"""Problems of a recipe that are listed."""
_PACKAGE = Path(__file__).resolve().parents[1]
_SHIPPED = (_PACKAGE.parent / "recipes", _PACKAGE / "recipes")  # of a source checkout, of an installed wheel


def load(path: str | Path, overrides: Sequence[str], kinds: Kinds) -> Recipe:
    """Loads a recipe from a file or by a shipped name (see `find`), with overrides such as `optim.lr=2e-4`.

    Raises:
        RecipeError: the file cannot be read, or something in it or in an override is wrong; lists all problems.
    """
    found = find(str(path))
    return loads(_read(found), overrides, kinds, source=str(found))


def loads(text: str, overrides: Sequence[str], kinds: Kinds, *, source: str = "recipe") -> Recipe:
    """Loads a recipe from a text; `source` is its name in error messages.

    Raises:
        OldRecipeError: some fields have other names now.
        RecipeError: something in the text or in an override is wrong; lists all problems.
    """
    document = _parse(text, source)
    data, words = copy.deepcopy(document.value), dict(document.words)
    applied, lines = _apply(overrides, data, words, kinds)
    renamed = rename(data)
    problems = [*renamed, *(Problem(path, what) for path, what in document.twice.items())]
    try:
        # As JSON, because a strict tuple takes a JSON array but no Python list.
        recipe = recipe_class(data, kinds).model_validate_json(json.dumps(data), strict=True)
    except ValidationError as error:
        problems += explain(error, data, words, kinds)
    lines += [f"{_label(problem, applied, document.value)}: {problem.text}" for problem in problems]
    if lines:
        more = [f"and {len(lines) - SHOWN:,} more"] if len(lines) > SHOWN else []
        count = "1 problem" if len(lines) == 1 else f"{len(lines)} problems"
        kind = OldRecipeError if renamed else RecipeError
        raise kind("\n  ".join([f"{source}: {count}", *lines[:SHOWN], *more]))
    return recipe


def _read(path: Path) -> str:
    return files.read_text(path, RecipeError, limit=flat_yaml.LARGEST)


def _parse(text: str, source: str) -> flat_yaml.Document:
    try:
        document = flat_yaml.parse(text)
    except ValueError as error:
        raise RecipeError(f"{source}, {error}") from None
    if document.value is None:
        raise RecipeError(f"{source}: empty. The shortest recipe names a corpus: 'data: {{corpus: an4}}'.")
    if not isinstance(document.value, dict):
        kind = "a list" if isinstance(document.value, list) else "a single value"
        raise RecipeError(f"{source}: the top level is {kind}; it should be fields, such as 'data: {{corpus: an4}}'.")
    return document


def _apply(
    overrides: Sequence[str], data: Any, words: dict[flat_yaml.Path, str], kinds: Kinds
) -> tuple[list[Override], list[str]]:
    """Sets the overrides in `data`; returns those that could be set, and a line for each that could not."""
    applied: list[Override] = []
    lines: list[str] = []
    for text in overrides:
        try:
            applied.append(apply(text, data, words, kinds))
        except ValueError as error:
            lines.append(f"override '{text}': {error}")
    return applied, lines


def _label(problem: Problem, applied: list[Override], written: Any) -> str:
    """Where a problem is: the override that caused it, or the path in the file."""
    path = problem.path
    for override in reversed(applied):
        if path[: len(override.path)] == override.path:
            inside = dotted(path[len(override.path) :])
            return f"override '{override.text}'" + (f", {inside}" if inside else "")
        if override.path[: len(path)] == path and not _holds(written, path):
            return f"override '{override.text}'"
    return dotted(path) or "recipe"


def _holds(value: Any, path: flat_yaml.Path) -> bool:
    for part in path:
        try:
            value = value[part]
        except (KeyError, IndexError, TypeError):
            return False
    return True


def dump(recipe: Recipe) -> str:
    """The resolved recipe as YAML, every field; `loads` of it gives the same recipe."""
    fields = recipe.model_dump(mode="json")
    first = {name: fields[name] for name in ORDER if name in fields}
    return flat_yaml.render(first | fields)


def json_schema(kinds: Kinds) -> str:
    """The JSON Schema (draft 2020-12) with which an editor completes and checks recipes."""
    every = TypeAdapter[Any](Union.__getitem__(tuple(kinds.values())))  # type: ignore[arg-type]  # classes of run time
    schema = {"$schema": "https://json-schema.org/draft/2020-12/schema", **every.json_schema()}
    sections = schema["$defs"]
    for alternatives in [field["oneOf"] for field in _parts(schema) if "discriminator" in field]:
        for alternative in alternatives:
            section = sections[alternative["$ref"].rpartition("/")[2]]
            section["required"] = sorted({TAG, *section.get("required", ())})
    return json.dumps(schema, indent=2, ensure_ascii=False) + "\n"


def _parts(schema: Any) -> list[dict[str, Any]]:
    """Every object inside a JSON value, itself included."""
    inner = list(schema.values()) if isinstance(schema, dict) else schema if isinstance(schema, list) else []
    here = [schema] if isinstance(schema, dict) else []
    return here + [part for value in inner for part in _parts(value)]


def find(name: str) -> Path:
    """Finds the file of a recipe: a path, else a shipped recipe, with or without `recipes/` and `.yaml`.

    Raises:
        RecipeError: there is none, or it is a folder; lists the recipes that there are.
    """
    given = Path(name)
    try:
        if wrong := files.dangling(given):
            raise RecipeError(f"{name}: {wrong}.")
        if given.exists() and not given.is_dir():
            return _from_here(given)
    except OSError as error:
        raise RecipeError(f"{name}: cannot be read ({error.strerror}).") from None
    inner = given.relative_to("recipes") if given.parts[:1] == ("recipes",) else given
    for folder in _SHIPPED:
        for candidate in (folder / inner, folder / f"{inner}.yaml"):
            if candidate.is_file():
                return _from_here(candidate)
    raise RecipeError(_not_found(name, [given, *(folder / inner for folder in _SHIPPED)]))


def _from_here(path: Path) -> Path:
    here = Path.cwd()
    return path.relative_to(here) if path.is_relative_to(here) else path


def named(path: str | Path) -> str:
    """A recipe's path as it is recorded: in `recipes/` if it is shipped, else relative to the working folder."""
    whole = Path.cwd() / path
    shipped = next((folder for folder in _SHIPPED if whole.is_relative_to(folder)), None)
    return str(Path("recipes") / whole.relative_to(shipped) if shipped else _from_here(Path(path)))


def _not_found(name: str, tried: list[Path]) -> str:
    for folder in tried:
        if folder.is_dir():
            inside = sorted(
                str(path.relative_to(folder)) for path in (*folder.glob("*.yaml"), *folder.glob("*/*.yaml"))
            )
            return f"{name or '.'}: a folder, not a recipe" + (
                f"; it holds {', '.join(inside[:8])}." if inside else "."
            )
    known = [*all_recipes(), *tried[0].parent.glob("*.yaml")]
    spellings = {str(path): path for path in known} | {f"{path.parent.name}/{path.stem}": path for path in known}
    near = nearest(name, spellings)
    if near:
        return f"{name}: no such recipe; did you mean '{spellings[near]}'?"
    return f"{name}: no such recipe. There are: {', '.join(map(str, known)) or 'none'}."


def all_recipes() -> list[Path]:
    """Every recipe in `recipes/` of the working folder or, if there are none, every shipped one; sorted."""
    folders = [Path("recipes"), *_SHIPPED]
    return next((found for folder in folders if (found := sorted(folder.glob("**/*.yaml")))), [])


def measured_line(path: Path) -> str:
    """A recipe's first comment, which has its measured score; empty if there is none.

    Raises:
        RecipeError: the file cannot be read.
    """
    lines = (line.strip() for line in _read(path).splitlines())
    comments = (line.lstrip("# ") for line in lines if line.startswith("#"))
    return next((text for text in comments if not text.startswith("yaml-language-server:")), "")
