"""Home Assistant's sentence templates in YAML (hassil): intents, lists and expansion rules."""

from collections.abc import Mapping
from typing import Any

from crnn_audio.errors import DataError
from crnn_audio.text.grammar.brackets import parse
from crnn_audio.text.grammar.rules import Rules
from crnn_audio.text.grammar.tree import OTHER_SPEECH, Grammar, Intent, Node, Slot, Word, choice

MAX_RANGE = 1000


def grammar(content: Mapping[str, Any], source: str) -> Grammar:
    """The grammar of a file of intents.

    Raises:
        DataError: it is none, a list has no values, or a template refers to what is not there.
    """
    rules, lists = _texts(content, "expansion_rules", source), _mapping(content, "lists", source)

    def of_rule(name: str, text: str) -> Node:
        return parse(text, "hassil", resolve, f"{source}, rule {name!r}")

    known = Rules(rules, of_rule, source)

    def resolve(token: str) -> Node:
        name = token[1:-1].strip()
        if token[0] == "<":
            return known[name]
        kind, _, slot = name.partition(":")
        if kind not in lists:
            raise DataError(f"{source}: no list {kind!r} (there are: {', '.join(lists) or 'none'}).")
        return choice([_value(one, slot or kind, kind, source) for one in _values(lists[kind], kind, source)])

    found = [
        Intent(name, parse(sentence, "hassil", resolve, f"{source}, intent {name!r}"), _fixed(block))
        for name, intent in _mapping(content, "intents", source).items()
        for block in (intent or {}).get("data") or []
        for sentence in _sentences(block, name, source)
    ]
    if not found:
        raise DataError(f"{source}: its intents have no sentences.")
    return Grammar(source, tuple(found))


def _values(content: Any, name: str, source: str) -> list[Any]:
    content = content if isinstance(content, Mapping) else {}
    if content.get("wildcard"):
        return [OTHER_SPEECH]
    if isinstance(bounds := content.get("range"), Mapping):
        begin, end, step = (int(bounds.get(key, default)) for key, default in (("from", 0), ("to", 100), ("step", 1)))
        if step < 1 or (end - begin) // step > MAX_RANGE:
            raise DataError(f"{source}: list {name!r} has a range of more than {MAX_RANGE} numbers.")
        return [{"in": in_words(number), "out": str(number)} for number in range(begin, end + 1, step)]
    values = content.get("values")
    if not isinstance(values, list) or not values:
        raise DataError(f"{source}: list {name!r} has no values. List them, or leave it out.")
    return values


def _value(content: Any, slot: str, name: str, source: str) -> Node:
    if content == OTHER_SPEECH:
        return Slot(slot, Word(OTHER_SPEECH), OTHER_SPEECH)
    spoken, value = (content.get("in"), content.get("out")) if isinstance(content, Mapping) else (content, None)
    if not isinstance(spoken, str | int):
        raise DataError(f"{source}: a value of list {name!r} should be a text, or have 'in' and 'out'.")
    where = f"{source}, list {name!r}"
    return Slot(slot, parse(str(spoken), "hassil", _refuse(where), where), None if value is None else str(value))


def _refuse(where: str) -> Any:
    def resolve(token: str) -> Node:
        raise DataError(f"{where}: {token} stands in a value, which may not refer to others.")

    return resolve


def _fixed(block: Mapping[str, Any]) -> tuple[tuple[str, str], ...]:
    return tuple((str(name), str(value)) for name, value in (block.get("slots") or {}).items())


def _sentences(block: Any, name: str, source: str) -> list[str]:
    sentences = block.get("sentences") if isinstance(block, Mapping) else None
    if not isinstance(sentences, list) or not all(isinstance(one, str) for one in sentences):
        raise DataError(f"{source}: each data block of intent {name!r} should have a list 'sentences'.")
    return sentences


def _texts(content: Mapping[str, Any], name: str, source: str) -> dict[str, str]:
    return {key: str(value) for key, value in _mapping(content, name, source).items()}


def _mapping(content: Mapping[str, Any], name: str, source: str) -> dict[str, Any]:
    found = content.get(name) or {}
    if not isinstance(found, Mapping):
        raise DataError(f"{source}: {name} should have names, each with its content.")
    return {str(key): value for key, value in found.items()}


ONES = (
    "zero one two three four five six seven eight nine ten eleven twelve thirteen fourteen fifteen sixteen seventeen "
    "eighteen nineteen"
).split()
TENS = "_ _ twenty thirty forty fifty sixty seventy eighty ninety".split()


def in_words(number: int) -> str:
    """A whole number in English words, below a million."""
    if number < 0:
        return f"minus {in_words(-number)}"
    if number < 20:
        return ONES[number]
    for size, name in ((1000, "thousand"), (100, "hundred")):
        if number >= size:
            rest = f" {in_words(number % size)}" if number % size else ""
            return f"{in_words(number // size)} {name}{rest}"
    return TENS[number // 10] + (f" {ONES[number % 10]}" if number % 10 else "")
