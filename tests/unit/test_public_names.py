"""Every public name resolves, is listed, is known to type checkers, and costs nothing until it is used."""

import ast
import subprocess
import sys
from importlib import import_module, metadata
from pathlib import Path

import pytest

import crnn_audio

NAMES = sorted(crnn_audio._HOMES)


@pytest.mark.parametrize("name", NAMES)
def test_name_resolves_to_its_home(name: str) -> None:
    home = import_module(f"crnn_audio.{crnn_audio._HOMES[name]}")
    assert getattr(crnn_audio, name) is vars(home)[name]
    assert getattr(crnn_audio, name) is not home, "a submodule hides the function of the same name"


def test_audio_and_serving_are_the_modules() -> None:
    assert crnn_audio.audio is import_module("crnn_audio.audio")
    assert crnn_audio.serving is import_module("crnn_audio.serving")


def test_version_is_the_installed_one() -> None:
    assert crnn_audio.__version__ == metadata.version("crnn-audio")


def test_dir_lists_public_names_and_nothing_private() -> None:
    assert set(dir(crnn_audio)) == {*NAMES, "audio", "serving", "__version__"}


def test_unknown_name_is_an_attribute_error() -> None:
    with pytest.raises(AttributeError, match="no attribute 'trian'"):
        _ = crnn_audio.trian


def test_type_checkers_see_the_same_names_in_the_same_homes() -> None:
    tree = ast.parse(Path(crnn_audio.__file__).read_text(encoding="utf-8"))
    block = next(node for node in tree.body if isinstance(node, ast.If))
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    seen = {alias.name: node.module for node in imports for alias in node.names}
    assert {seen.pop("audio"), seen.pop("serving")} == {"crnn_audio"}
    assert seen == {name: f"crnn_audio.{home}" for name, home in crnn_audio._HOMES.items()}


def test_importing_the_package_imports_neither_torch_nor_any_part() -> None:
    heavy = "[name for name in sys.modules if name.startswith(('torch', 'crnn_audio.'))]"
    program = f"import sys, crnn_audio; dir(crnn_audio); print({heavy})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
