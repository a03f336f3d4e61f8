"""A run directory: all that a trained model is, and one way to make, open and read it.

    run.json              format, version, state ("training" or "finished"), how and when it was made
    recipe.yaml           the resolved recipe: loading never asks today's defaults
    vocabulary.json       the tokens of a recogniser or of a writer
    conditions.json       what a composer may be asked for
    statistics.json       mean and deviation of each feature, where normalisation is global
    best.safetensors      the weights that scored best on dev (averaged ones, where the recipe averages)
    last.safetensors      the weights at the end
    checkpoint.safetensors, log.jsonl, curves.png, left_out.jsonl     of training

Nothing in it can run: it is text, numbers and a picture, and it may be moved anywhere.
"""

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any, TypeVar

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from crnn_audio import files
from crnn_audio.config import commands
from crnn_audio.config import load as recipes
from crnn_audio.config.kinds import RECIPES
from crnn_audio.config.music import MusicRecipe
from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.config.rolls import RollsRecipe
from crnn_audio.config.schema import Recipe
from crnn_audio.config.text import TextRecipe
from crnn_audio.errors import CrnnAudioError, OldRecipeError, RunError
from crnn_audio.symbolic.conditions import Conditions
from crnn_audio.text.vocabulary import Vocabulary

Kind = TypeVar("Kind", MusicRecipe, TextRecipe, RecognitionRecipe)
FORMAT = 1
MAKING = "making"
DAMAGED = "Restore it from a copy, or train again."
"""What to do about a damaged file of a run."""
ZOO = Path(__file__).parent / "zoo"


@dataclass(frozen=True)
class Run:
    """An open run directory; `statistics` are the mean and deviation of each feature, `facts` what run.json says."""

    path: Path
    recipe: Recipe
    tokens: Vocabulary | None
    statistics: tuple[list[float], list[float]] | None
    facts: Mapping[str, Any]
    choices: Conditions | None = None

    @property
    def conditions(self) -> Conditions:
        """What a composer may be asked for."""
        assert self.choices is not None, "open_run holds that a composer has conditions"
        return self.choices

    @property
    def events(self) -> MusicRecipe:
        """The recipe of a composer.

        Raises:
            RunError: the run is none.
        """
        give = "Give a run of a recipe with task music, such as recipes/chorales/lstm.yaml."
        return self._of_kind(MusicRecipe, f"writes no music. {give}")

    @property
    def vocabulary(self) -> Vocabulary:
        """The tokens of a recogniser or of a writer."""
        assert self.tokens is not None, "open_run holds that these have tokens"
        return self.tokens

    @property
    def language(self) -> TextRecipe:
        """The recipe of a writer of text.

        Raises:
            RunError: the run is none.
        """
        return self._of_kind(TextRecipe, "reads and writes no text. Give a run of a recipe with task text.")

    @property
    def speech(self) -> RecognitionRecipe:
        """The recipe of a recogniser.

        Raises:
            RunError: the run is none.
        """
        return self._of_kind(RecognitionRecipe, "hears no speech. Give a run of a recipe with task recognition.")

    def _of_kind(self, kind: type[Kind], lack: str) -> Kind:
        if not isinstance(self.recipe, kind):
            task = self.recipe.task.kind
            raise RunError(f"{self.path}: a model of {self.recipe.data.name} for task {task}, which {lack}")
        return self.recipe

    @property
    def rolls(self) -> RollsRecipe:
        """The recipe of a model of piano rolls."""
        assert isinstance(self.recipe, RollsRecipe), "a Predictor has such a run"
        return self.recipe

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return self.facts.get("state") == "finished"

    def kept(self, which: str) -> str:
        """Which weights one gets who asks for the "best" on dev or the "last": without dev there are only the last."""
        there = (self.path / "best.safetensors").exists() or not (self.path / "last.safetensors").exists()
        return which if there else "last"

    def weights(self, which: str = "best") -> dict[str, Tensor]:
        """The model's weights: "best" on dev or "last"; a finished run without dev has only the last.

        Raises:
            RunError: they are missing or damaged.
        """
        path = self.path / f"{self.kept(which)}.safetensors"
        if not path.exists():
            yet = (
                "last weights yet, which come at the end of training"
                if which == "last"
                else ("weights yet; its training has not come to the end of an evaluated epoch")
            )
            again = commands.command(["train", str(self.path / "recipe.yaml"), "--out", str(self.path)])
            raise RunError(f"{self.path}: no {yet}. Go on with `{again}`.")
        try:
            weights = {_renamed(name): weight for name, weight in load_file(path).items()}
        except (SafetensorError, OSError) as error:
            raise _damaged(path, error) from None
        for name, weight in weights.items():
            if not weight.isfinite().all():
                raise _damaged(path, f"{name} holds NaN or infinity")
        return weights

    def save_weights(self, which: str, weights: dict[str, Tensor]) -> None:
        """Replaces the "best" or "last" weights, all or nothing."""
        with writing(self.path), files.replacing(self.path / f"{which}.safetensors") as partial:
            save_file(weights, partial, {"format": "pt"})

    def set_state(self, state: str, **facts: Any) -> None:
        """Notes in run.json that the run is "training" or "finished"."""
        written = _read_json(self.path / "run.json")
        _write_json(self.path / "run.json", written | {"state": state} | facts)


def locate(model: str | Path) -> Path:
    """The folder of a model: a path if it has a slash or is a folder, else a name in the zoo.

    Raises:
        RunError: there is none; the zoo's names are listed.
    """
    path = Path(model)
    if path.is_dir():
        return path
    names = sorted(folder.name for folder in ZOO.iterdir() if folder.is_dir()) if ZOO.is_dir() else []
    if str(model) in names:
        return ZOO / str(model)
    known = f"Known names: {', '.join(names)}." if names else "No model ships with this version."
    raise RunError(f"{model}: no such run directory, and no model of that name. {known} Train one with `make train`.")


def is_run(path: Path) -> bool:
    """Whether a folder holds a run, and not the beginning of one whose making was killed."""
    return (path / "run.json").exists() and _read_json(path / "run.json").get("state") != MAKING


def create(
    path: Path,
    recipe: Recipe,
    vocabulary: Vocabulary | None,
    statistics: tuple[list[float], list[float]] | None,
    facts: Mapping[str, Any],
    conditions: Conditions | None = None,
) -> Run:
    """Makes a run directory for training to start in; run.json tells half of one, which may be made anew.

    Raises:
        RunError: the folder is not empty, or cannot be written.
    """
    if path.exists() and not (path.is_dir() and _is_free(path)):
        raise RunError(f"{path}: exists and is not a run directory. Choose another with --out, or remove it.")
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        header = {"format": FORMAT, "crnn_audio": version("crnn-audio")}
        _write_json(path / "run.json", header | {"state": MAKING})
        files.write_text(path / "recipe.yaml", recipes.dump(recipe))
        if vocabulary:
            vocabulary.save(path / "vocabulary.json")
        if statistics:
            _write_json(path / "statistics.json", {"mean": statistics[0], "std": statistics[1]})
        if conditions:
            _write_json(path / "conditions.json", conditions.as_json())
        _write_json(path / "run.json", header | {"state": "training"} | dict(facts))
    return open_run(path)


def small_copy(run: Run, path: Path, which: str = "best") -> Run:
    """Copies what using a model needs into a new folder: no training state, weights in half precision (float16).

    Raises:
        RunError: the weights do not fit into half precision, or the folder cannot be written.
    """
    half = {name: weight.half() for name, weight in run.weights(which).items()}
    if wrong := [name for name, weight in half.items() if not weight.isfinite().all()]:
        raise RunError(f"{run.path}: {wrong[0]} holds numbers that half precision cannot hold; train again.")
    facts = {name: fact for name, fact in run.facts.items() if name not in ("format", "crnn_audio", "state")}
    if isinstance(typed := facts.get("command"), str):
        facts["command"] = commands.portable_command(typed, run.recipe)
    if run.kept(which) == "last":
        facts["weights"] = "last"
    copy = create(path, commands.portable(run.recipe), run.tokens, run.statistics, facts, run.choices)
    copy.save_weights("best", half)
    copy.set_state("finished")
    return copy


def _is_free(path: Path) -> bool:
    left = [entry.name for entry in path.iterdir() if not entry.name.endswith(".partial")]
    return not left or ("run.json" in left and not is_run(path))


def open_run(model: str | Path) -> Run:
    """Opens a run directory by path, or a model of the zoo by name.

    Raises:
        RunError: it is missing, not a run, damaged, or written by a newer version.
    """
    path = locate(model)
    if not is_run(path):
        raise RunError(f"{path}: not a run directory (it has no run.json). Give the folder that `train --out` made.")
    header = _read_json(path / "run.json")
    if type(header.get("format")) is not int or header["format"] < 1:
        raise _damaged(path / "run.json", f"its format is {header.get('format')!r}")
    if header["format"] > FORMAT:
        raise RunError(
            f"{path}: written in format {header['format']} by crnn_audio {header.get('crnn_audio')}; this is "
            f"{version('crnn-audio')}, which reads up to format {FORMAT}. Update crnn_audio."
        )
    try:
        text = files.read_text(path / "recipe.yaml", RunError, advice=DAMAGED)
        recipe = recipes.loads(text, (), RECIPES, source=str(path / "recipe.yaml"))
        speech = recipe if isinstance(recipe, RecognitionRecipe) else None
        has_tokens = isinstance(recipe, RecognitionRecipe | TextRecipe)
        vocabulary = Vocabulary.load(path / "vocabulary.json") if has_tokens else None
    except OldRecipeError as error:
        raise RunError(
            f"{path}: trained by an earlier version, with other names of fields. Change them in its recipe.yaml as "
            f"listed here, or train again.\n{error}"
        ) from None
    except (CrnnAudioError, OSError) as error:
        raise RunError(f"{path}: damaged. {error}") from None
    normalized = speech is not None and speech.features.normalize == "global"
    statistics = _statistics(path / "statistics.json") if normalized else None
    conditions = _conditions(path / "conditions.json", recipe) if isinstance(recipe, MusicRecipe) else None
    return Run(path, recipe, vocabulary, statistics, header, conditions)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what an unwritable folder or a full disk says into a RunError about that run directory."""
    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise RunError(
            f"{path}: cannot be written ({reason}). What was there before is whole; make room or choose another folder "
            "with --out, and run the same command again."
        ) from None


def _statistics(path: Path) -> tuple[list[float], list[float]]:
    numbers = _read_json(path)
    try:
        return [float(one) for one in numbers["mean"]], [float(one) for one in numbers["std"]]
    except (KeyError, TypeError, ValueError, OverflowError) as error:
        raise _damaged(path, repr(error)) from None


def _conditions(path: Path, recipe: MusicRecipe) -> Conditions:
    try:
        return Conditions.from_json(_read_json(path), at_home=recipe.data.normalize_keys)
    except ValueError as error:
        raise _damaged(path, error) from None


def _read_json(path: Path) -> dict[str, Any]:
    return files.read_json_object(path, RunError, advice=DAMAGED)


RENAMED_WEIGHTS = {"front.listener.": "front.encoder.", "head.told": "head.key_vectors"}
"""Names in the weights of earlier versions, or their beginnings, and what they are now."""


def _renamed(name: str) -> str:
    for old, new in RENAMED_WEIGHTS.items():
        if name.startswith(old):
            return new + name.removeprefix(old)
    return name


def _damaged(path: Path, why: object) -> RunError:
    return RunError(f"{path}: damaged ({why}). {DAMAGED}")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    files.write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
