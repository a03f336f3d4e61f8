"""The type of a field that names a corpus; it is checked against the registry when a recipe is validated."""

from dataclasses import dataclass
from typing import Any

from pydantic_core import PydanticCustomError, core_schema


@dataclass(frozen=True)
class CorpusOf:
    """Annotates such a field: it holds the name of a corpus of this kind, such as "recognition", or one of `also`."""

    kind: str
    also: tuple[str, ...] = ()

    @property
    def names(self) -> list[str]:
        """The names that there are."""
        from crnn_audio.corpora import CORPORA  # here, so that importing the schema needs no NumPy

        return [name for name, corpus in CORPORA.items() if self.kind == corpus.KIND or name in self.also]

    def __get_pydantic_core_schema__(self, source: object, handler: object) -> core_schema.CoreSchema:
        return core_schema.no_info_plain_validator_function(self._known)

    def __get_pydantic_json_schema__(self, schema: object, handler: object) -> dict[str, Any]:
        return {"type": "string", "enum": self.names}

    def _known(self, name: object) -> object:
        if name not in self.names:
            raise PydanticCustomError("literal_error", "no such corpus")
        return name
