"""Reads a grammar, in whichever of the formats it is written."""

from collections.abc import Iterable, Mapping
from pathlib import Path

import yaml

from crnn_audio import files
from crnn_audio.errors import DataError
from crnn_audio.text.grammar import hassil, jsgf, rhino
from crnn_audio.text.grammar.tree import Grammar, Intent, words

FORMATS = (
    "a context of Rhino (YAML with 'context'), templates of hassil or Home Assistant (YAML with 'intents'), a grammar "
    "in JSGF, or a list of phrases, in JSON or a line each"
)
LARGEST = 50_000_000


def read(path: Path) -> Grammar:
    """The grammar of a file.

    Raises:
        DataError: it cannot be read, is empty, or is damaged; says where.
    """
    text = files.read_text(path, DataError, advice="Save it as UTF-8.", limit=LARGEST)
    if jsgf.is_jsgf(text):
        return jsgf.grammar(text, str(path))
    if path.suffix.lower() not in (".yaml", ".yml", ".json") and not text.lstrip().startswith("["):
        return phrases(text.splitlines(), str(path))
    try:
        content = yaml.load(text, Loader=getattr(yaml, "CSafeLoader", yaml.SafeLoader))
    except (yaml.YAMLError, RecursionError, ValueError) as error:
        reason = " ".join(str(error).split())
        raise DataError(f"{path}: no YAML ({reason}). A grammar is {FORMATS}.") from None
    if isinstance(content, list):
        return phrases(map(str, content), str(path))
    if isinstance(content, Mapping) and "context" in content:
        return rhino.grammar(content, str(path))
    if isinstance(content, Mapping) and "intents" in content:
        return hassil.grammar(content, str(path))
    raise DataError(f"{path}: no grammar that is known. It should be {FORMATS}.")


def phrases(lines: Iterable[str], source: str) -> Grammar:
    """Phrases that may be said, each by itself; `[unk]` is any other speech.

    Raises:
        DataError: there are none.
    """
    found = list(dict.fromkeys(" ".join(line.split()) for line in lines))
    intents = tuple(Intent("", words(line)) for line in found if line)
    if not intents:
        raise DataError(f"{source}: holds no phrases. Write one in each line.")
    return Grammar(source, intents)
