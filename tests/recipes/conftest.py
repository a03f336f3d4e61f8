"""Trainings without pictures: these cost more than the steps of a model that is made small."""

import sys

import pytest

from crnn_audio.training import display


@pytest.fixture(autouse=True)
def _without_pictures(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(display, "plot_curves", lambda *_: None)
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
