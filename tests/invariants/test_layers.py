"""Imports run one way, and every module of the package has a place in the flow."""

import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
CONTRACTS = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["importlinter"]["contracts"]


def lint_imports(root: Path) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-c", "from importlinter.cli import lint_imports_command as run; run()", "--no-cache"]
    return subprocess.run(command, cwd=root, capture_output=True, text=True, env={"PYTHONPATH": str(root)}, check=False)


def test_package_keeps_its_layers() -> None:
    done = lint_imports(ROOT)
    assert done.returncode == 0, done.stdout + done.stderr


def test_one_exhaustive_contract_names_every_module() -> None:
    (contract,) = (one for one in CONTRACTS if one["type"] == "layers")
    assert contract["exhaustive"] is True
    named = set(re.findall(r"\w+", " ".join(contract["layers"])))
    package = ROOT / "crnn_audio"
    there = {path.stem for path in package.glob("*.py")} | {path.parent.name for path in package.glob("*/*.py")}
    assert there - {"__init__", "crnn_audio"} - named == set()


@pytest.mark.parametrize(
    ("module", "line"),
    [
        ("lengths", "from crnn_audio import types"),
        ("types", "from crnn_audio import __version__"),
        ("errors", "from crnn_audio import files"),
        ("features.extra", "from crnn_audio import text"),
        ("newcomer", "import os"),
    ],
)
def test_contract_catches(module: str, line: str, tmp_path: Path) -> None:
    copy_with_every_layer(tmp_path)
    kept = lint_imports(tmp_path)
    assert kept.returncode == 0, kept.stdout
    write(tmp_path, module, f"{line}\n")
    broken = lint_imports(tmp_path)
    assert broken.returncode == 1
    assert module.partition(".")[0] in broken.stdout


@pytest.mark.parametrize(
    "line", ["from crnn_audio.features import one", "def later():\n    import crnn_audio.features.one"]
)
def test_contract_catches_modules_of_one_package_in_a_circle(line: str, tmp_path: Path) -> None:
    copy_with_every_layer(tmp_path)
    write(tmp_path, "features.one", "from crnn_audio.features import other\n")
    write(tmp_path, "features.other", "")
    assert lint_imports(tmp_path).returncode == 0
    write(tmp_path, "features.other", f"{line}\n")
    assert lint_imports(tmp_path).returncode == 1


def copy_with_every_layer(root: Path) -> None:
    """The project's contract and real `__init__` over a package that is otherwise empty."""
    package = root / "crnn_audio"
    package.mkdir()
    (root / "pyproject.toml").write_bytes((ROOT / "pyproject.toml").read_bytes())
    (package / "__init__.py").write_bytes((ROOT / "crnn_audio" / "__init__.py").read_bytes())
    homes = re.findall(r"from crnn_audio\.([\w.]+) import", (package / "__init__.py").read_text(encoding="utf-8"))
    (contract,) = (one for one in CONTRACTS if one["type"] == "layers")
    layers = re.findall(r"\w+", " ".join(contract["layers"]))
    for name in {"features.mel", "audio", *homes, *layers}:
        write(root, name, "")


def write(root: Path, module: str, source: str) -> None:
    """`a` becomes a/__init__.py, `a.b` becomes a/b.py."""
    folder, _, name = module.partition(".")
    path = root / "crnn_audio" / folder / f"{name or '__init__'}.py"
    path.parent.mkdir(exist_ok=True)
    path.write_text(source, encoding="utf-8")
