"""The models that are served: by name, by what they can do, and opened anew without a gap."""

import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

from crnn_audio import runs
from crnn_audio.decoding import carried
from crnn_audio.errors import DataError, StreamError
from crnn_audio.inference.exported import light
from crnn_audio.problems import opening
from crnn_audio.problems.exporting import export
from crnn_audio.serving.refusals import Refusal
from crnn_audio.symbolic.chorale_tokens import VOICES

VERBS = ("transcribe", "evidence", "stream", "classify", "label", "translate", "generate")
HOSTED = ("whisper", "gpt-")
"""How names of OpenAI's models begin, which many clients send whatever they talk to: they stand for any model here."""


@dataclass(frozen=True)
class Served:
    """An opened model: the name that clients call it, what it can do, and since when it is served.

    `streams` steps its live streams side by side, where it is exported.
    """

    name: str
    opened: Any
    verbs: tuple[str, ...]
    created: int
    streams: Any = None

    def as_json(self) -> dict[str, Any]:
        """As OpenAI lists a model, with what it can do."""
        about = {"id": self.name, "object": "model", "created": self.created, "owned_by": "crnn_audio"}
        return about | {"verbs": list(self.verbs)} | _choices(self.opened)


def open_model(path: str | Path, device: str) -> Any:
    """A model, without torch where the command line opens it so, and with the same results.

    One thread computes its graph: several wait for each other in each of its steps, which takes long on busy cores, and
    other requests use these.
    """
    greedy = carried.load(runs.locate(path)).is_greedy
    found = light.exported(str(path), device, "best", _export) if greedy else None
    return opening.load(path, device=device) if found is None else opening.opened(replace(found, threads=1))


def _export(run: Path, out: Path) -> None:
    export(run, out)


def _choices(opened: Any) -> dict[str, Any]:
    """What a generator can be asked for: the fields of its prompt, its conditions with their values, its voices."""
    if not hasattr(opened, "PROMPT"):
        return {}
    conditions = getattr(getattr(opened, "conditions", None), "values", {})
    columns = () if opened.PRINTABLE else opened.representation.COLUMNS
    return {
        "prompt": [field.name for field in fields(opened.PROMPT)],
        "conditions": {name: list(values) for name, values in conditions.items()},
        "voices": [name for name in VOICES if name in columns],
    }


def served(name: str, opened: Any) -> Served:
    """An opened model with what it can do: the verbs among its methods."""
    verbs = [verb for verb in VERBS if hasattr(opened, verb)]
    if "stream" in verbs and not ("transcribe" in verbs and _streams(opened)):
        verbs.remove("stream")
    streams = opened.streams() if "stream" in verbs and hasattr(opened, "streams") else None
    return Served(name, opened, tuple(verbs), int(time.time()), streams)


def _streams(opened: Any) -> bool:
    try:
        opened.stream(16000)
    except StreamError:
        return False
    return True


class Models:
    """All models that are served, the first of each verb being its default."""

    def __init__(self, models: Sequence[str | Path] | Mapping[str, Any], device: str) -> None:
        self.device = device
        self.paths: dict[str, str | Path] = {}
        self._served: dict[str, Served] = {}
        if isinstance(models, Mapping):
            self._served = {name: served(name, opened) for name, opened in models.items()}
            return
        for path in models:
            name = Path(path).name or str(path)
            if name in self.paths:
                raise DataError(f"two models are called {name}: {self.paths[name]} and {path}. Rename one's folder.")
            self.paths[name] = path
        self.reload()

    def __iter__(self) -> Iterator[Served]:
        return iter(list(self._served.values()))

    def reload(self) -> None:
        """Opens all models anew; requests that are under way keep the model that they began with.

        Raises:
            RunError: one is missing or damaged; all models stay as they are then.
        """
        fresh = {name: served(name, open_model(path, self.device)) for name, path in self.paths.items()}
        self._served = fresh or self._served

    def find(self, name: str | None, verb: str, other: str | None = None) -> Served:
        """The model of a name; for none, or a name of OpenAI's models, the first one that has the verb.

        Args:
            other: a further verb that will do.

        Raises:
            Refusal: there is no such model, or it has not the verb.
        """
        able = [one for one in self if verb in one.verbs or other in one.verbs]
        names = ", ".join(one.name for one in able) or "none"
        if not name or (name not in self._served and name.lower().startswith(HOSTED)):
            if not able:
                raise Refusal(404, f"No model here can {verb}.", "model_not_found", "model")
            return able[0]
        if name not in self._served:
            message = f"There is no model {name[:100]!r}; those that can {verb} are: {names}."
            raise Refusal(404, message, "model_not_found", "model")
        if self._served[name] not in able:
            can = ", ".join(self._served[name].verbs) or "nothing that is served"
            message = f"The model {name!r} cannot {verb}, but {can}; those that can are: {names}."
            raise Refusal(400, message, "model_cannot", "model")
        return self._served[name]
