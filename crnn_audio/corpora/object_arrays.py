"""Arrays of arrays that NumPy saved as a pickle, read without running any of it.

A pickle is a program. Here it is only read: lists, tuples, numbers and strings are built, and what it asks to call is
noted, never called; anything else is an error. NumPy sees no more than the bytes of an array and its shape.
"""

import pickletools
from dataclasses import dataclass
from typing import Any

import numpy as np
from jaxtyping import Shaped

NUMBERS = ("f2", "f4", "f8", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8")
CALLED = {
    "numpy.core.multiarray _reconstruct": "array",
    "numpy._core.multiarray _reconstruct": "array",
    "numpy ndarray": "class",
    "numpy dtype": "dtype",
}


@dataclass
class _Made:
    """What a pickle asks to be made: an array or its type, with the arguments and, later, the state."""

    kind: Any
    arguments: Any
    state: Any = None


def read(content: bytes) -> list[Shaped[np.ndarray, "..."]]:
    """The arrays of numbers in the pickle of a one-dimensional array of them.

    Raises:
        ValueError: it is damaged, or holds or asks for anything else.
    """
    try:
        found = _built(content)
        rows = found.state[4]
        if not isinstance(rows, list) or any(one.kind != "array" for one in (found, *rows)):
            raise ValueError("no array of arrays")
        return [_array(one) for one in rows]
    except (LookupError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"damaged ({error})") from None


def _array(made: _Made) -> Shaped[np.ndarray, "..."]:
    _, shape, dtype, by_columns, content = made.state
    if dtype.arguments[0] not in NUMBERS or not isinstance(content, bytes | str):
        raise ValueError("no array of numbers")
    content = content.encode("latin-1") if isinstance(content, str) else content
    kind = np.dtype(dtype.arguments[0]).newbyteorder("<" if dtype.state[1] == "|" else dtype.state[1])
    return np.frombuffer(content, kind).reshape([int(one) for one in shape], order="F" if by_columns else "C")


def _built(content: bytes) -> Any:
    stack, memo, marks = list[Any](), dict[int, Any](), list[int]()

    def since_mark() -> list[Any]:
        start = marks.pop()
        found = stack[start:]
        del stack[start:]
        return found

    argument: Any
    for opcode, argument, _ in pickletools.genops(content):
        match opcode.name:
            case "PROTO" | "FRAME":
                continue
            case "STOP":
                return stack.pop()
            case "MARK":
                marks.append(len(stack))
            case "BINPUT" | "LONG_BINPUT" | "MEMOIZE":
                memo[len(memo) if argument is None else argument] = stack[-1]
            case "BINGET" | "LONG_BINGET":
                stack.append(memo[argument])
            case "GLOBAL":
                stack.append(_called(argument))
            case "STACK_GLOBAL":
                stack[-2:] = [_called(f"{stack[-2]} {stack[-1]}")]
            case "NONE" | "NEWFALSE" | "NEWTRUE":
                stack.append({"NONE": None, "NEWFALSE": False, "NEWTRUE": True}[opcode.name])
            case "EMPTY_LIST":
                stack.append([])
            case "APPEND":
                stack[-2].append(stack.pop())
            case "APPENDS":
                items = since_mark()
                stack[-1].extend(items)
            case "TUPLE":
                stack.append(tuple(since_mark()))
            case "TUPLE1" | "TUPLE2" | "TUPLE3":
                size = int(opcode.name[-1])
                stack[-size:] = [tuple(stack[-size:])]
            case "REDUCE":
                stack[-2:] = [_Made(stack[-2], stack[-1])]
            case "BUILD":
                state = stack.pop()
                stack[-1].state = state
            case name if name.startswith(("BININT", "LONG1", "BINSTRING", "SHORT_BIN", "BINBYTES", "BINUNICODE")):
                stack.append(argument)
            case name:
                raise ValueError(f"it holds {name}, which no array needs")
    raise ValueError("cut short")


def _called(name: str) -> str:
    if name not in CALLED:
        raise ValueError(f"it asks for {name.replace(' ', '.')}, which is no array")
    return CALLED[name]
