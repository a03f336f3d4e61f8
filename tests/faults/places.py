"""Every call of the package that opens, reads, lists, writes, renames or removes something, found in its source."""

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from inspect import isfunction
from pathlib import Path

import crnn_audio
from crnn_audio import files
from crnn_audio.symbolic import files as scores

PACKAGE = Path(crnn_audio.__file__).parent
METHODS = frozenset(
    "open read readline readlines readinto read_text read_bytes write write_text write_bytes writelines iterdir glob "
    "rglob walk scandir listdir mkdir makedirs rmdir rmtree unlink remove rename replace touch symlink_to hardlink_to "
    "mkstemp mkdtemp fsync ftruncate truncate dup2 memmap load loadtxt fromfile tofile savez savez_compressed savefig "
    "save_file load_file safe_open SoundFile in_order urlopen run Popen extract extractall extractfile ZipFile "
    "GzipFile copyfile copyfileobj copytree move loadmat savemat flush print".split()
)
"""Names of functions and methods of Python and of libraries that reach a file, a stream or another process."""

OF_FILES = frozenset(
    name
    for module in (files, scores)
    for name, one in vars(module).items()
    if isfunction(one) and name != "endless" and next(iter(one.__annotations__.values()), None) in (Path, str | Path)
)
"""Functions of the package's own modules of files that take a path: who calls them says what their errors mean."""

Span = tuple[int, int, int, int]
"""First line, last line, first column, last column."""


@dataclass(frozen=True)
class Place:
    """One call. Its key names it wherever in its file it stands: "files.py write_bytes: partial.write_bytes"."""

    file: str
    span: Span
    key: str


@cache
def places() -> tuple[Place, ...]:
    """All of them, in the order of files and lines."""
    return tuple(place for path in sorted(PACKAGE.rglob("*.py")) for place in _in_file(path))


def within(file: str, span: Span) -> list[str]:
    """The keys of the places in a file that an instruction of this span evaluates."""
    first, last, start, end = span
    return [
        place.key
        for place in _by_file().get(file, ())
        if (first, start) <= (place.span[0], place.span[2]) and (place.span[1], place.span[3]) <= (last, end)
    ]


@cache
def _by_file() -> dict[str, list[Place]]:
    found: dict[str, list[Place]] = {}
    for place in places():
        found.setdefault(place.file, []).append(place)
    return found


def _in_file(path: Path) -> Iterator[Place]:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    ours, file = _names_of(tree), path.relative_to(PACKAGE).as_posix()
    for scope, call in _calls(tree, ""):
        if _reaches_out(call, ours):
            span = call.lineno, call.end_lineno or 0, call.col_offset, call.end_col_offset or 0
            yield Place(file, span, f"{file} {scope or '<module>'}: {ast.unparse(call.func)}")


def _calls(node: ast.AST, scope: str) -> Iterator[tuple[str, ast.Call]]:
    for child in ast.iter_child_nodes(node):
        if isinstance(child, ast.Call):
            yield scope, child
        named = isinstance(child, ast.FunctionDef | ast.ClassDef)
        yield from _calls(child, f"{scope}.{child.name}".lstrip(".") if named else scope)


@dataclass(frozen=True)
class _Names:
    """Names of a module: of this package, whose places are inside what is called; of its `files`; of fields."""

    ours: frozenset[str]
    files: frozenset[str]
    of_fields: frozenset[str]


def _names_of(tree: ast.Module) -> _Names:
    ours = {node.name for node in tree.body if isinstance(node, ast.FunctionDef | ast.ClassDef)}
    files, of_fields = set[str](), set[str]()
    for node in ast.walk(tree):
        if not isinstance(node, ast.ImportFrom):
            continue
        names = {alias.asname or alias.name: alias.name for alias in node.names}
        if node.module == "dataclasses":
            of_fields |= set(names)
        elif (node.module or "").startswith("crnn_audio"):
            ours |= set(names)
            files |= {name for name, real in names.items() if real == "files"}
    return _Names(frozenset(ours), frozenset(files), frozenset(of_fields))


def _reaches_out(call: ast.Call, names: _Names) -> bool:
    if isinstance(call.func, ast.Name):
        return call.func.id in METHODS - names.ours - names.of_fields
    if not isinstance(call.func, ast.Attribute):
        return False
    name, holder = call.func.attr, call.func.value
    held_by = holder.id if isinstance(holder, ast.Name) else ""
    if held_by in names.files:
        return name in OF_FILES
    if name not in METHODS or held_by in names.ours:
        return False
    of_text = name == "replace" and (len(call.args) != 1 or bool(call.keywords))  # of a string
    return not of_text and not (name == "remove" and held_by != "os")  # of a list
