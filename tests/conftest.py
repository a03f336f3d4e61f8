"""What every test shares: one thread, fixed seeds, shapes checked as code runs, corpora found or skipped."""

import gc
import os
import random
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

os.environ["OMP_WAIT_POLICY"] = "PASSIVE"  # before torch is imported: spinning threads starve each other
os.environ["OMP_NUM_THREADS"] = "1"  # for child processes too
if signal.getsignal(signal.SIGINT) is signal.SIG_IGN:  # as a shell starts a job in the background; children inherit it
    signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.setdefault("CRNN_AUDIO_CACHE", str(Path(__file__).resolve().parent.parent / ".pytest_cache" / "crnn_audio"))

import numpy as np
import pytest
import torch
from hypothesis import settings
from jaxtyping import install_import_hook

from tests import warm

# The same examples in every run, so that a commit passes or fails on its own account; `make fuzz` looks for new ones.
settings.register_profile("same")
settings.load_profile("default" if os.environ.get("CRNN_AUDIO_FUZZ") else "same")

# The tower lets an int stand for a float, as mypy does; a method that is checked alone cannot know what Self is.
install_import_hook(
    "crnn_audio",
    "beartype.beartype(conf=beartype.BeartypeConf(is_pep484_tower=True, "
    "hint_overrides=beartype.FrozenDict({beartype.typing.Self: object})))",
)

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(autouse=True)
def _repeatable() -> Iterator[None]:
    torch.set_num_threads(1)
    random.seed(0)
    np.random.seed(0)  # noqa: NPY002 - libraries under test may draw from it
    torch.manual_seed(0)
    yield
    torch.set_default_dtype(torch.float32)


@pytest.fixture(scope="session")
def tiny() -> Path:
    """The folder of self-made recordings that is committed with the project."""
    return ROOT / "data" / "tiny"


@pytest.fixture(scope="session")
def corpus() -> Callable[[str], Path]:
    """`corpus("an4")` is that corpus under $CRNN_AUDIO_DATA; where it is absent the test skips with the reason."""

    def find(name: str) -> Path:
        folder = os.environ.get("CRNN_AUDIO_DATA")
        if not folder:
            pytest.skip(f"corpus {name}: CRNN_AUDIO_DATA is not set")
        if not (path := Path(folder) / name).is_dir():
            pytest.skip(f"corpus {name}: {path} is not there")
        return path

    return find


@pytest.hookimpl(wrapper=True)
def pytest_collection() -> Iterator[object]:
    """Thousands of tests are made, and stay: the garbage collector need not walk through them again and again."""
    gc.disable()
    found = yield
    gc.freeze()
    gc.enable()
    return found


def pytest_unconfigure() -> None:
    warm.stop()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    absent = pytest.mark.skip(reason="no GPU on this machine")
    for item in items:
        if item.get_closest_marker("gpu") and not torch.cuda.is_available():
            item.add_marker(absent)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport() -> Iterator[None]:
    return _refuse_skip((yield))


@pytest.hookimpl(wrapper=True)
def pytest_make_collect_report() -> Iterator[None]:
    return _refuse_skip((yield))


def _refuse_skip(report):
    """With CRNN_AUDIO_NO_SKIP set, as in CI, a skip is a failure unless a GPU is what is missing."""
    if report.skipped and not hasattr(report, "wasxfail") and os.environ.get("CRNN_AUDIO_NO_SKIP"):
        reason = report.longrepr[2] if isinstance(report.longrepr, tuple) else str(report.longrepr)
        if "GPU" not in reason:
            report.outcome = "failed"
            report.longrepr = f"{reason}: not allowed under CRNN_AUDIO_NO_SKIP"
    return report
