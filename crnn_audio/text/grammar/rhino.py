"""Rhino's contexts in YAML (Picovoice): expressions of each intent, slots with their values, and macros."""

from collections.abc import Mapping
from typing import Any

from crnn_audio.errors import DataError
from crnn_audio.text.grammar.brackets import parse
from crnn_audio.text.grammar.rules import Rules
from crnn_audio.text.grammar.tree import Grammar, Intent, Node, Slot, choice, words


def grammar(content: Mapping[str, Any], source: str) -> Grammar:
    """The grammar of a context.

    Raises:
        DataError: it is none, a slot has no values, or an expression refers to what is not there.
    """
    context = content["context"]
    expressions = _lists(context, "expressions", source)
    slots, macros = _lists(context, "slots", source), _lists(context, "macros", source)
    if not expressions:
        raise DataError(f"{source}: context.expressions should list the sentences of each intent.")

    def of_macro(name: str, text: str) -> Node:
        return choice([parse(one, "rhino", resolve, f"{source}, macro {name!r}") for one in macros[name]])

    rules = Rules(dict.fromkeys(macros, ""), of_macro, source)

    def resolve(token: str) -> Node:
        if token[0] == "@":
            return rules[token[1:]]
        kind, _, slot = token[1:].partition(":")
        if kind not in slots:
            raise DataError(f"{source}: no slot {kind!r} (there are: {', '.join(slots) or 'none'}).")
        if not slots[kind]:
            raise DataError(f"{source}: slot {kind!r} has no values. List them, or leave it out.")
        return Slot(slot or kind, choice([words(value) for value in slots[kind]]))

    return Grammar(
        source,
        tuple(
            Intent(intent, parse(one, "rhino", resolve, f"{source}, intent {intent!r}"))
            for intent, sentences in expressions.items()
            for one in sentences
        ),
    )


def _lists(context: Any, name: str, source: str) -> dict[str, list[str]]:
    found = context.get(name) or {} if isinstance(context, Mapping) else {}
    if not isinstance(found, Mapping):
        raise DataError(f"{source}: context.{name} should have a list for each name.")
    lists = {str(key): value or [] for key, value in found.items()}
    for key, value in lists.items():
        if not isinstance(value, list) or not all(isinstance(one, str) for one in value):
            raise DataError(f"{source}: context.{name}.{key} should be a list of texts.")
    return lists
