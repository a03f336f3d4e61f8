"""Reads and writes plain YAML: no anchors, no merges, no tags.

It differs from PyYAML in four ways: `1e-3` is a number; `010`, `1:30` and dates are text; keys are always text (`on:`
too); and a key that is given twice is a problem. `yes`, `no`, `on` and `off` are booleans, as in YAML 1.1.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import yaml

LARGEST = 2**16
"""Characters or bytes of a document, twenty times those of a long recipe: parsing takes seconds from here on."""

Path = tuple[str | int, ...]
"""The path to a value: field names and list indices from the top."""

_PREFIX = "tag:yaml.org,2002:"
_FLOAT = re.compile(
    r"(?:[-+]?(?:[0-9][0-9_]*\.[0-9_]*|\.[0-9][0-9_]*)(?:[eE][-+]?[0-9]+)?"
    r"|[-+]?[0-9][0-9_]*[eE][-+]?[0-9]+|[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN))\Z"
)
_INT = re.compile(r"(?:[-+]?(?:0|[1-9][0-9_]*)|0x[0-9a-fA-F][0-9a-fA-F_]*)\Z")
_TRUE = {"yes", "true", "on"}
_BOOL = re.compile(r"(?:yes|Yes|YES|no|No|NO|true|True|TRUE|false|False|FALSE|on|On|ON|off|Off|OFF)\Z")
_NULL = re.compile(r"(?:~|null|Null|NULL|)\Z")


@dataclass(frozen=True)
class Document:
    """A parsed text."""

    value: Any
    """Dict, list, text, number, bool or None."""
    words: dict[Path, str]
    """The words that were read as booleans, by path."""
    twice: dict[Path, str]
    """Messages about keys that are given more than once, by path."""


def parse(text: str) -> Document:
    """Reads one YAML document; an empty one has the value None.

    Raises:
        ValueError: the text is not YAML or not plain; the message has line, column and what was found.
    """
    if len(text) > LARGEST:
        raise ValueError(f"line 1, column 1: {len(text):,} characters, where at most {LARGEST:,} are read")
    try:
        node = _compose(text)
        document = Document(None, {}, {})
        value = None if node is None else _value(node, (), document)
    except yaml.MarkedYAMLError as error:
        raise ValueError(_with_place(error)) from None
    except yaml.reader.ReaderError as error:
        before = text[: error.position]
        column = len(before) - before.rfind("\n")
        character = f"U+{ord(text[error.position]):04X}"
        raise ValueError(f"line {before.count(chr(10)) + 1}, column {column}: {character} is not allowed") from None
    except RecursionError:
        raise ValueError("line 1, column 1: nested too deeply") from None
    return Document(value, document.words, document.twice)


class _Loader(yaml.SafeLoader):
    yaml_implicit_resolvers = {}  # noqa: RUF012 - PyYAML keeps one a class

    def compose_node(self, parent: yaml.Node | None, index: Any) -> yaml.Node | None:
        if self.check_event(yaml.AliasEvent):
            mark = self.get_event().start_mark  # type: ignore[no-untyped-call]
            raise _refusal("aliases are not supported; write the value out", mark)
        node = super().compose_node(parent, index)
        if isinstance(node, yaml.ScalarNode) and any("\ud800" <= character <= "\udfff" for character in node.value):
            raise _refusal("half of a surrogate pair is no character", node.start_mark)
        return node


def _refusal(what: str, mark: yaml.Mark) -> yaml.MarkedYAMLError:
    return yaml.MarkedYAMLError(problem=what, problem_mark=mark)


for _name, _pattern, _first in (
    ("bool", _BOOL, "yYnNtTfFoO"),
    ("null", _NULL, ["~", "n", "N", ""]),
    ("int", _INT, "-+0123456789"),
    ("float", _FLOAT, "-+.0123456789"),
):
    _Loader.add_implicit_resolver(_PREFIX + _name, _pattern, list(_first))


def _compose(text: str) -> yaml.Node | None:
    loader = _Loader(text)
    try:
        return loader.get_single_node()
    finally:
        loader.dispose()


def _with_place(error: yaml.MarkedYAMLError) -> str:
    mark = error.problem_mark or error.context_mark
    what = error.problem or error.context or "not YAML"
    if "'\\t'" in what:
        what += "; indent with spaces"
    if error.problem and error.context and error.context_mark:
        what += f" ({error.context} begun on line {error.context_mark.line + 1})"
    return f"line {mark.line + 1}, column {mark.column + 1}: {what}" if mark else what


def _value(node: yaml.Node, path: Path, document: Document) -> Any:
    if isinstance(node, yaml.MappingNode) and node.tag == _PREFIX + "map":
        return _mapping(node, path, document)
    if isinstance(node, yaml.SequenceNode) and node.tag == _PREFIX + "seq":
        return [_value(item, (*path, index), document) for index, item in enumerate(node.value)]
    if isinstance(node, yaml.ScalarNode):
        return _scalar(node, path, document)
    raise _foreign(node)


def _foreign(node: yaml.Node) -> yaml.MarkedYAMLError:
    tag = node.tag.replace(_PREFIX, "!!")
    return _refusal(f"the tag '{tag}' is not supported; only plain values are", node.start_mark)


def _mapping(node: yaml.MappingNode, path: Path, document: Document) -> dict[str, Any]:
    values: dict[str, Any] = {}
    lines: dict[str, int] = {}
    for key, item in node.value:
        line = key.start_mark.line + 1
        if not isinstance(key, yaml.ScalarNode):
            raise _refusal("a key should be a word", key.start_mark)
        if key.value in values:
            document.twice[*path, key.value] = f"given twice, on lines {lines[key.value]} and {line}; keep one"
        values[key.value] = _value(item, (*path, key.value), document)
        lines[key.value] = line
    return values


def _scalar(node: yaml.ScalarNode, path: Path, document: Document) -> Any:
    text, digits = node.value, node.value.replace("_", "")
    try:
        match node.tag.removeprefix(_PREFIX):
            case "str":
                return text
            case "null":
                return None
            case "bool":
                document.words[path] = text
                return text.lower() in _TRUE
            case "int":
                number = int(digits, 0)
                str(number)  # a ValueError where Python would not write it again
                return number
            case "float":
                return float(digits.lower().replace(".inf", "inf").replace(".nan", "nan"))
    except ValueError:
        raise _refusal(f"'{text[:40]}' is no number", node.start_mark) from None
    raise _foreign(node)


def render(value: Any) -> str:
    """The YAML of plain values: fields a line each, lists of numbers or words inline, text quoted where it must be."""
    written: str = yaml.dump(value, Dumper=_Dumper, sort_keys=False, allow_unicode=True, width=120)
    return written


class _Dumper(yaml.SafeDumper):
    def ignore_aliases(self, data: Any) -> bool:
        return True

    def increase_indent(self, flow: bool = False, indentless: bool = False) -> None:
        super().increase_indent(flow, False)


def _represent_list(dumper: yaml.SafeDumper, items: Iterable[Any]) -> yaml.Node:
    items = list(items)
    inline = not any(isinstance(item, list | dict) for item in items)
    return dumper.represent_sequence(_PREFIX + "seq", items, flow_style=inline)


def _represent_text(dumper: yaml.SafeDumper, text: str) -> yaml.Node:
    """In double quotes where PyYAML would turn an exotic line end into an ordinary one."""
    exotic = any(character in text for character in "\x85\u2028\u2029")
    return dumper.represent_scalar(_PREFIX + "str", text, style='"' if exotic else None)


_Dumper.add_implicit_resolver(_PREFIX + "float", _FLOAT, list("-+.0123456789"))
_Dumper.add_representer(list, _represent_list)
_Dumper.add_representer(str, _represent_text)
