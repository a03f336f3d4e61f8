"""The options of decoding, which several verbs take, as one dataclass."""

import inspect
from collections.abc import Callable
from enum import StrEnum
from functools import wraps
from pathlib import Path
from typing import Annotated, Any, get_type_hints

import typer

from crnn_audio.decoding.options import BUILT_IN, FLASHLIGHT, HOTWORD_SCORE, DecodingOptions

PANEL = "Decoding"


class DecoderName(StrEnum):
    """What searches."""

    built_in = BUILT_IN
    flashlight = FLASHLIGHT


def language_model(decoding: DecodingOptions, device: str) -> Any | None:
    """The opened run that --lm names, where it is no n-gram.

    Raises:
        RunError: it is no run of a language model.
    """
    if decoding.lm is None or decoding.ngram:
        return None
    from crnn_audio.problems.restore import load

    return load(decoding.lm, "text", device=device)


def _file(text: str) -> Any:
    return typer.Option(metavar="FILE", help=text, rich_help_panel=PANEL)


def _option(text: str, **bounds: Any) -> Any:
    return typer.Option(help=text, rich_help_panel=PANEL, **bounds)


def _asked(
    lm: Annotated[Path | None, _file("N-gram of words or characters (ARPA), or a run of text.")] = None,
    lm_weight: Annotated[float, _option("Factor of the model's log-probabilities.")] = 0.5,
    word_score: Annotated[float, _option("Added for each word, in nats.")] = 0.0,
    lexicon: Annotated[Path | None, _file("All words that may be said, one a line.")] = None,
    hotwords: Annotated[Path | None, _file("Words that are expected, one a line.")] = None,
    hotword_score: Annotated[float, _option("Added for each of their letters but the first, in nats.")] = HOTWORD_SCORE,
    grammar: Annotated[Path | None, _file("All sentences that may be said: YAML, JSGF, JSON or a line each.")] = None,
    beam: Annotated[int, _option("Width of the prefix beam; 0 searches exactly where it can.", min=0)] = 0,
    nbest: Annotated[int, _option("Likely transcripts to give with JSON.", min=1)] = 1,
    greedy: Annotated[
        bool, typer.Option("--greedy", help="Without the decoder that the run keeps.", rich_help_panel=PANEL)
    ] = False,
    decoder: Annotated[
        DecoderName, _option("flashlight searches very large lexicons, in whole recordings.")
    ] = DecoderName.built_in,
) -> None:
    """The options, as they are asked for."""


def takes_decoding(verb: Callable[..., None]) -> Callable[..., None]:
    """A verb whose argument `decoding` is put together from the options of this module."""
    own, added = inspect.signature(verb), inspect.signature(_asked)

    @wraps(verb)
    def run(**arguments: Any) -> None:
        given = {name: arguments.pop(name) for name in added.parameters}
        verb(**arguments, decoding=DecodingOptions(**given))

    kept = [one for name, one in own.parameters.items() if name != "decoding"]
    run.__signature__ = own.replace(parameters=[*kept, *added.parameters.values()])  # type: ignore[attr-defined]
    hints = {**get_type_hints(verb, include_extras=True), **get_type_hints(_asked, include_extras=True)}
    run.__annotations__ = {name: hint for name, hint in hints.items() if name != "decoding"}
    return run
