"""Recipes gone wrong: in their values, in their YAML, in their bytes; and overrides."""

from typing import Any

import yaml

from tests.fuzz.mutations import ODD, Draw, as_json, changed_inside, damaged, odd_value, places

LINES = (
    "a: &a [x, x]\nb: &b [*a, *a, *a, *a]\nc: &c [*b, *b, *b, *b]\nseed: *c\n", "<<: {seed: 2}\n", "seed: 1\nseed: 2\n",
    "\tseed: 1\n", "seed:\t1\n", "seed: !!python/object/apply:os.system ['false']\n", "seed: !!binary aGVsbG8=\n",
    "seed: !!int 'x'\n", "seed: !!float .inf\n", "!!map {seed: 1}\n", "? [complex, key]\n: 1\n", "seed: >-\n  1\n",
    "---\nseed: 3\n", "...\n", "%YAML 1.2\n---\n", "%TAG ! tag:x,2000:\n", "seed: 1_000\n", "seed: 0x10\n",
    "seed: 1e400\n", "seed: -.inf\n", "seed: 2024-01-01\n", "seed: 1:30\n", "seed: yes\n", "yes: 1\n", "on: off\n",
    "seed: 0o17\n", "model: {recurrent: {cell: 'no'}}\n", "1: 2\n", "null: null\n", "~: ~\n", "? \n", "- 1\n", "seed\n",
    ":\n", "'\n", '"\n', "{\n", "}\n", "[\n", "]\n", "#\n", "seed: '\\x00'\n", 'seed: "\\0"\n', 'seed: "\\ud800"\n',
    'seed: "\\x1b[2J"\n', "optim.lr: 1\n", "optim: {lr: 1e-3, lr: 1e-4}\n", "optim:\n", "optim: \n  lr: {}\n",
    "\x0c\n", "\x85\n", "\u2028\n", "seed: " + "9" * 5000 + "\n", "seed: 0x" + "f" * 5000 + "\n",
    "x: " + "[" * 3000 + "]" * 3000 + "\n",
    "{" * 3000 + "\n", "k" * 2000 + ": 1\n", "seed: " + "x" * 100_000 + "\n", "- " * 2000 + "\n", "? " * 2000 + "\n",
    "@\n", "`\n", "%\n", "|\n",
)  # fmt: skip

BEYOND = (0, 1e-30, 1e-9, 0.5, 0.999, 1, 2, 3, 10, 1000, 99_999, 10**6, 10**9, 10**12, 10**18, 1e300)


def recipe(rng: Draw, fields: dict[str, Any]) -> bytes:
    """A recipe's YAML of which values, lines or bytes are changed."""
    for _ in range(rng.choice((0, 1, 1, 1, 2, 4))):
        fields = changed_inside(rng, fields)
    text = _written(rng, fields)
    if rng.random() < 0.3:
        lines = text.splitlines(keepends=True)
        lines.insert(rng.randrange(len(lines) + 1), rng.choice(LINES))
        text = "".join(lines)
    content = text.encode("utf-8", "surrogatepass")
    if rng.random() < 0.05:
        content = text.encode("utf-16", "replace")
    return damaged(rng, content) if rng.random() < 0.25 else content


def _written(rng: Draw, fields: Any) -> str:
    if rng.random() < 0.7:
        return str(yaml.safe_dump(fields, sort_keys=False, allow_unicode=True, width=10**6))
    return as_json(rng, fields)


def stretched(rng: Draw, fields: dict[str, Any]) -> bytes:
    """A recipe with one number that the schema may allow and nobody would choose."""
    found = [path for path in places(fields) if isinstance(_at(fields, path), int | float)]
    *way, last = rng.choice(found)
    holder = _at(fields, tuple(way))
    holder[last] = rng.choice(BEYOND)
    return yaml.safe_dump(fields, sort_keys=False).encode()


def _at(value: Any, path: tuple[Any, ...]) -> Any:
    for key in path:
        value = value[key]
    return value


def override(rng: Draw, fields: dict[str, Any]) -> str:
    """A change on the command line."""
    path = ".".join(map(str, rng.choice(places(fields))))
    if rng.random() < 0.3:
        path = damaged(rng, path.encode()).decode("utf-8", "replace").replace("\0", "")
    value = rng.choice((*LINES, *map(str, ODD), str(odd_value(rng)))).replace("\0", "")
    return rng.choice((f"{path}={value}", f"{path}={value}", f"{path}={value}", path, f"{path}==", f"={value}", "="))
