"""A run directory: all that a trained model is, and one way to make, open and read it.

    run.json              format, version, state ("training" or "finished"), how and when it was made, hashes of weights
    recipe.yaml           the resolved recipe: loading never consults today's defaults
    vocabulary.json, statistics.json, decoder.json ...        the assets of its problem, which save and load themselves
    best.safetensors      the weights that scored best on dev (averaged ones, where the recipe averages)
    last.safetensors      the weights at the end
    checkpoint.safetensors, log.jsonl, curves.png, left_out.jsonl     of training

Nothing in it can run: it is text, numbers and a picture, and it may be moved anywhere. What a recipe or an asset means
is known to `problems`; here they are data.
"""

import json
import os
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol, runtime_checkable

from crnn_audio import files, weights
from crnn_audio.config import flat_yaml
from crnn_audio.console import report
from crnn_audio.errors import DAMAGED, RunError

if TYPE_CHECKING:
    from torch import Tensor
else:
    Tensor = Any  # what only looks at a run does not wait for torch

FORMAT = 2
TEXTS = ("state", "recipe", "command", "commit", "device", "processor", "precision", "torch", "weights")
NUMBERS = ("steps", "epochs", "best_epoch", "threads", "processes", "train_seconds", "best_dev")
"""What run.json says, where it says it, by type."""
MAKING = "making"
ZOO = Path(__file__).parent / "zoo"


@runtime_checkable
class Assets(Protocol):
    """What a run keeps beside its weights."""

    def save(self, folder: Path) -> None:
        """Writes its files into a run directory."""


@dataclass(frozen=True)
class Run:
    """An open run directory.

    Args:
        recipe: the resolved recipe as plain data; `text` is its YAML.
        facts: what run.json says.
    """

    path: Path
    recipe: Mapping[str, Any]
    text: str
    facts: Mapping[str, Any]

    @property
    def kind(self) -> str:
        """The problem that it was trained for, its `task.kind`."""
        return str(self.recipe["task"]["kind"])

    def require(self, *kinds: str) -> None:
        """Makes sure that the run is of one of these problems.

        Raises:
            RunError: it is of another.
        """
        if self.kind not in kinds:
            raise RunError(
                f"{self.path}: a model for task {self.kind}, where one for {either(kinds)} is needed. Give a run "
                f"of a recipe with task.kind {kinds[0]}; `crnn-audio recipes` lists the recipes."
            )

    @property
    def finished(self) -> bool:
        """Whether training came to its end."""
        return self.facts.get("state") == "finished"

    def kept(self, which: str) -> str:
        """Which weights one gets who asks for the "best" on dev or the "last": without dev there are only the last."""
        there = (self.path / "best.safetensors").exists() or not (self.path / "last.safetensors").exists()
        return which if there else "last"

    def weights(self, which: str = "best", expected: weights.Shapes | None = None) -> dict[str, Tensor]:
        """The model's weights: "best" on dev or "last"; a finished run without dev has only the last.

        Args:
            expected: what the model of its recipe has; compared before anything is read.

        Raises:
            RunError: they are missing, damaged, not those that run.json names, or of another model.
        """
        path = self.path / f"{self.kept(which)}.safetensors"
        if not path.exists():
            from crnn_audio.config import commands  # imports all sections of recipes

            yet = "weights yet; its training has not come to the end of an evaluated epoch"
            yet = "last weights yet, which come at the end of training" if which == "last" else yet
            again = commands.command(["train", str(self.path / "recipe.yaml"), "--out", str(self.path)])
            raise RunError(f"{self.path}: no {yet}. Go on with `{again}`.")
        try:
            found = weights.shapes(path)
            if wrong := weights.difference(found, expected) if expected is not None else "":
                raise RunError(f"{self.path}: the weights do not fit the recipe beside them ({wrong}). {DAMAGED}")
            self._verify(path)
            return weights.read(path)
        except (ValueError, OSError) as error:
            raise damaged(path, files.reason(error)) from None

    def weights_hash(self, which: str = "best") -> str:
        """The SHA-256 of the "best" or "last" weights, which tells models apart; empty where there are none.

        Raises:
            RunError: they cannot be read.
        """
        path = self.path / f"{self.kept(which)}.safetensors"
        try:
            return weights.sha256(path) if path.exists() else ""
        except OSError as error:
            raise damaged(path, files.reason(error)) from None

    def _verify(self, path: Path) -> None:
        """Compares a file of weights with its hash, which is read anew: a training may have written it just now."""
        noted, found = self._hashes().get(path.name), weights.sha256(path)
        if noted is None:
            report(
                f"{path}: run.json has no SHA-256 of these weights (an earlier version made it), so whether they are "
                "those that were trained is not known. `crnn-audio publish` makes a copy that has one."
            )
        elif found not in noted.split():
            raise ValueError(f"its SHA-256 is {found[:16]}..., and run.json says {noted[:16]}...")

    def _hashes(self) -> dict[str, str]:
        """The SHA-256 of each file of weights; of one that is being replaced two, for a kill may come before or after.

        Raises:
            RunError: run.json is damaged.
        """
        noted = _header(self.path).get("sha256", {})
        if not isinstance(noted, dict) or not all(isinstance(one, str) for one in noted.values()):
            raise damaged(self.path / "run.json", "its sha256 names no hashes of files")
        return noted

    def chosen(self, name: str) -> float | None:
        """A number that was chosen on dev with the best weights, such as a threshold; None where there is none.

        Raises:
            RunError: it is no number.
        """
        noted = self.facts.get("chosen")
        value = noted.get(name) if isinstance(noted, dict) else noted
        if value is not None and (isinstance(value, bool) or not isinstance(value, int | float)):
            raise damaged(self.path / "run.json", f"its chosen {name} is {str(value)[:40]!r}")
        return value

    def choose(self, numbers: Mapping[str, float]) -> None:
        """Notes numbers that were chosen on dev beside those that are there.

        Raises:
            RunError: the folder cannot be written.
        """
        noted = _header(self.path).get("chosen")
        with writing(self.path):
            self._note(chosen={**(noted if isinstance(noted, dict) else {}), **numbers})

    def save_weights(self, which: str, state: Mapping[str, Tensor], chosen: Mapping[str, float] | None = None) -> None:
        """Replaces the "best" or "last" weights, all or nothing, and notes their hash in run.json.

        Args:
            chosen: numbers that were chosen on dev with these weights, noted too.
        """
        from safetensors.torch import save_file

        path = self.path / f"{which}.safetensors"
        with writing(self.path), files.replacing(path) as partial:
            save_file(dict(state), partial, {"format": "pt"})
            hashes = dict.fromkeys([weights.sha256(path)] if path.exists() else []) | {weights.sha256(partial): None}
            facts = {"chosen": dict(chosen)} if chosen else {}
            self._note(sha256=self._hashes() | {path.name: " ".join(hashes)}, **facts)

    def set_state(self, state: str, **facts: Any) -> None:
        """Notes in run.json that the run is "training" or "finished"."""
        self._note(state=state, **facts)

    def _note(self, **facts: Any) -> None:
        _write_json(self.path / "run.json", _header(self.path) | facts)


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
    if wrong := files.dangling(path):
        raise RunError(f"{model}: {wrong}.")
    known = f"Known names: {', '.join(names)}." if names else "No model ships with this version."
    raise RunError(f"{model}: no such run directory, and no model of that name. {known} Train one with `make train`.")


def is_run(path: Path) -> bool:
    """Whether a folder holds a run, and not the beginning of one whose making was killed."""
    return (path / "run.json").exists() and _header(path).get("state") != MAKING


def _header(path: Path) -> dict[str, Any]:
    return files.read_json_object(path / "run.json", RunError, advice=DAMAGED)


def create(path: Path, recipe: str, assets: Assets, facts: Mapping[str, Any]) -> Run:
    """Makes a run directory for training to start in; run.json marks half of one, which may be made anew.

    Args:
        recipe: the resolved recipe as YAML.

    Raises:
        RunError: the folder is not empty, or cannot be written.
    """
    if path.exists() and not (path.is_dir() and _is_free(path)):
        raise RunError(f"{path}: exists and is not a run directory. Choose another with --out, or remove it.")
    with writing(path):
        path.mkdir(parents=True, exist_ok=True)
        header = {"format": FORMAT, "crnn_audio": version("crnn-audio")}
        _write_json(path / "run.json", header | {"state": MAKING})
        files.write_text(path / "recipe.yaml", recipe)
        assets.save(path)
        _write_json(path / "run.json", header | {"state": "training"} | dict(facts))
    return open_run(path)


def small_copy(run: Run, path: Path, recipe: str, assets: Assets, command: str | None, which: str = "best") -> Run:
    """Copies what using a model needs into a new folder: no training state, weights in half precision (float16).

    Args:
        recipe: the resolved recipe as YAML, without paths of this machine.
        command: the one that trained it, in the same way.

    Raises:
        RunError: the weights do not fit into half precision, or the folder cannot be written.
    """
    half = {name: weight.half() for name, weight in run.weights(which).items()}
    if wrong := [name for name, weight in half.items() if not weight.isfinite().all()]:
        raise RunError(f"{run.path}: {wrong[0]} holds numbers that half precision cannot hold; train again.")
    facts = {name: fact for name, fact in run.facts.items() if name not in ("format", "crnn_audio", "state", "sha256")}
    if command is not None:
        facts["command"] = command
    if run.kept(which) == "last":
        facts["weights"] = "last"
    copy = create(path, recipe, assets, facts)
    copy.save_weights("best", half)
    copy.set_state("finished")
    return open_run(path)


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
    header = _header(path)
    if type(header.get("format")) is not int or header["format"] < 1:
        raise damaged(path / "run.json", f"its format is {header.get('format')!r}")
    for name, fact in header.items():
        expected = str if name in TEXTS else int | float if name in NUMBERS else object
        if fact is not None and not isinstance(fact, expected):
            raise damaged(path / "run.json", f"its {name} is {str(fact)[:40]!r}")
    if header["format"] > FORMAT:
        raise RunError(
            f"{path}: written in format {header['format']} by crnn_audio {header.get('crnn_audio')}; this is "
            f"{version('crnn-audio')}, which reads up to format {FORMAT}. Update crnn_audio."
        )
    text = files.read_text(
        path / "recipe.yaml",
        lambda why: RunError(f"{path}: damaged. {why}"),
        advice=DAMAGED,
        limit=flat_yaml.LARGEST,
    )
    return Run(path, _recipe(text, path / "recipe.yaml"), text, header)


def _recipe(text: str, path: Path) -> Mapping[str, Any]:
    """The recipe as plain data; whether its fields are right, its problem says."""
    try:
        content = flat_yaml.parse(text).value
    except ValueError as error:
        raise damaged(path, error) from None
    task = content.get("task") if isinstance(content, dict) else None
    kind = task.get("kind") if isinstance(task, dict) else None
    if not isinstance(kind, str):
        raise damaged(path, "it names no task.kind")
    return dict(content)


@contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns what an unwritable folder or a full disk says into a RunError about that run directory."""
    from safetensors import SafetensorError

    try:
        yield
    except (OSError, SafetensorError) as error:
        reason = os.strerror(error.errno) if isinstance(error, OSError) and error.errno else str(error)
        raise RunError(
            f"{path}: cannot be written ({reason}). What was there before is whole; make room or choose another folder "
            "with --out, and run the same command again."
        ) from None


def either(names: Sequence[str]) -> str:
    """Names in a sentence: "one, another or a third"."""
    return " or ".join([", ".join(names[:-1]), names[-1]] if len(names) > 1 else names)


def damaged(path: Path, why: object) -> RunError:
    """The error of a file in a run directory that holds something else."""
    return RunError(f"{path}: damaged ({why}). {DAMAGED}")


def _write_json(path: Path, content: Mapping[str, Any]) -> None:
    files.write_text(path, json.dumps(content, indent=1, ensure_ascii=False) + "\n")
