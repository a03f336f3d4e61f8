"""Models behind an address: HTTP and WebSocket in the protocols that clients already speak."""

from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING, Any

from crnn_audio.errors import DataError
from crnn_audio.serving.limits import Access, Limits

if TYPE_CHECKING:
    from fastapi import FastAPI

__all__ = ["Access", "Limits", "app"]
EXTRA = ("fastapi", "uvicorn", "multipart", "websockets", "prometheus_client")


def app(
    models: Sequence[str | Path] | Mapping[str, Any],
    limits: Limits | None = None,
    access: Access | None = None,
    device: str = "auto",
) -> "FastAPI":
    """An ASGI application that serves models; mount it in your own, or run it with uvicorn.

    Nothing global is changed: it has threads of its own, and its metrics have a registry of their own.

    Args:
        models: run directories or names of the zoo; or opened models by the name that clients call them.
        limits: sizes, times and counts that keep the service responsive.
        access: who may use it.
        device: "auto", "cpu" or "cuda", for models that are opened here.

    Raises:
        DataError: the extra `serve` is not installed, or two models have the same name.
        RunError: a model is missing or damaged.
    """
    require_extra()
    from crnn_audio.serving.application import build

    return build(models, limits or Limits(), access or Access(), device)


def require_extra() -> None:
    """Makes sure that the packages of the extra are installed.

    Raises:
        DataError: one is missing.
    """
    if missing := [name for name in EXTRA if find_spec(name) is None]:
        raise DataError(f"serving needs {', '.join(missing)}: pip install 'crnn-audio[serve]'.")
