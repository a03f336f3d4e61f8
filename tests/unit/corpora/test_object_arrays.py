"""Pickled arrays of arrays: read as NumPy reads them, and whatever else a pickle may be is an error."""

import io
import pickle
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from crnn_audio.corpora import object_arrays


def pickled(arrays: list[Any], protocol: int = 4) -> bytes:
    found = np.empty(len(arrays), dtype=object)
    found[:] = arrays
    return pickle.dumps(found, protocol)


@pytest.mark.parametrize("protocol", [3, 4])
@pytest.mark.parametrize("kind", ["<f2", ">f4", "<f8", "|i1", ">i2", "<i8", "|u1"])
def test_the_arrays_are_those_that_were_saved(protocol: int, kind: str) -> None:
    numbers = np.arange(12).astype(kind)
    saved = [numbers.reshape(3, 4), np.asfortranarray(numbers.reshape(2, 6)), numbers[:0].reshape(0, 4)]
    found = object_arrays.read(pickled([*saved, numbers], protocol))
    assert len(found) == 4
    for one, other in zip(found, [*saved, numbers], strict=True):
        assert np.array_equal(one, other)
        assert one.dtype.kind == other.dtype.kind


class Asks:
    """Asks for anything."""

    def __init__(self, *reduced: Any) -> None:
        self.reduced = reduced

    def __reduce__(self) -> Any:
        return self.reduced


ARRAY = np._core.multiarray._reconstruct if hasattr(np, "_core") else np.core.multiarray._reconstruct
NUMBERS = (1, (2, 2), np.dtype("f4"), False, bytes(16))


@pytest.mark.parametrize(
    "crafted",
    [
        Asks(Path.write_text, (Path("trace"), "ran")),
        Asks(np.dtype, ("O8", False, True), (3, "|", None, None, None, -1, -1, 63)),
        Asks(np.dtype, ("V8", False, True), (3, "|", None, ("a", "b"), {"a": (np.dtype("f8"), 2**40)}, 8, 1, 0)),
        Asks(ARRAY, (np.ndarray, (0,), b"b"), (1, (2**40, 2**40), np.dtype("f4"), False, b"")),
        Asks(ARRAY, (np.ndarray, (0,), b"b"), (1, (2, 2), np.dtype("f4"), False, b"few")),
        Asks(ARRAY, (np.ndarray, (0,), b"b"), (1, (-1, 0), np.dtype("f4"), False, b"")),
        Asks(ARRAY, (np.ndarray, (0,), b"b"), (1, ("2", None), np.dtype("f4"), False, bytes(16))),
        Asks(ARRAY, (np.ndarray, (0,), b"b"), (1, (2,), np.dtype("O"), False, bytes(16))),
        Asks(ARRAY, (np.ndarray, (0,), b"b"), (1, (1,), np.dtype("U2"), False, bytes(8))),
        Asks(ARRAY, (np.ndarray, (0,), b"b"), (1, (2, 2), "f4", False, bytes(16))),
        Asks(ARRAY, (np.ndarray, (0,), b"b"), NUMBERS[:3]),
        3, "array", None, [1, 2], {"a": 1}, 1.5, {1}, (1,) * 9, np.ones(3, dtype=complex), np.bool_(True),
    ],
    ids=range(21),
)  # fmt: skip
@pytest.mark.parametrize("protocol", [0, 2, 4, 5])
def test_anything_else_is_an_error(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, crafted: Any, protocol: int
) -> None:
    monkeypatch.chdir(tmp_path)
    for content in (pickled([crafted, crafted], protocol), pickle.dumps(crafted, protocol)):
        with pytest.raises(ValueError, match=r".+"):
            object_arrays.read(content)
    assert [*tmp_path.iterdir()] == []


def test_damaged_pickles_are_errors_or_arrays() -> None:
    whole, random = pickled([np.ones((3, 4), np.float16)] * 5), np.random.default_rng(0)
    for _ in range(2000):
        broken = bytearray(whole[: int(random.integers(len(whole)))] if random.random() < 0.2 else whole)
        for at in random.integers(0, max(len(broken), 1), size=3).tolist() if broken else ():
            broken[at] = int(random.integers(256))
        try:
            object_arrays.read(bytes(broken))
        except ValueError:
            continue


def test_a_real_file_of_numpy(tmp_path: Path) -> None:
    file = io.BytesIO()
    found = np.empty(1, dtype=object)
    found[0] = np.eye(2)
    np.save(file, found)
    content = file.getvalue()
    assert np.array_equal(object_arrays.read(content[10 + int.from_bytes(content[8:10], "little") :])[0], np.eye(2))
