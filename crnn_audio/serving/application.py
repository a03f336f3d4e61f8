"""The application: its routes, and what becomes of their errors."""

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from fastapi import FastAPI, Request
from fastapi.responses import JSONResponse, Response
from starlette.exceptions import HTTPException
from starlette.middleware.cors import CORSMiddleware

from crnn_audio.errors import CrnnAudioError
from crnn_audio.serving import generation, labels, page, realtime, speech, vosk
from crnn_audio.serving.guard import Guard, of_http
from crnn_audio.serving.limits import Access, Limits
from crnn_audio.serving.models import Models
from crnn_audio.serving.refusals import Refusal, invalid
from crnn_audio.serving.service import new_service, service_of


def build(
    models: Sequence[str | Path] | Mapping[str, Any], limits: Limits, access: Access, device: str = "auto"
) -> FastAPI:
    """The application of these models; errors are those of `crnn_audio.serving.app`."""
    service = new_service(Models(models, device), limits, access)
    app = FastAPI(title="crnn_audio", docs_url=None, redoc_url=None, lifespan=_lifespan)
    app.state.service = service
    for module in (speech, labels, vosk, realtime, generation):
        app.include_router(module.router)
    app.include_router(page.routes())
    app.add_api_route("/health", _health)
    app.add_api_route("/metrics", _metrics)
    app.add_exception_handler(Refusal, _refused)
    app.add_exception_handler(CrnnAudioError, _refused)
    app.add_exception_handler(HTTPException, _refused)
    app.add_middleware(Guard, limits=limits, access=access, meters=service.meters)
    if access.origins:
        app.add_middleware(
            CORSMiddleware, allow_origins=list(access.origins), allow_methods=["*"], allow_headers=["*"], max_age=600
        )
    return app


@asynccontextmanager
async def _lifespan(app: FastAPI) -> AsyncIterator[None]:
    yield
    app.state.service.close()


async def _health(request: Request) -> Response:
    """whisper.cpp's health check."""
    if service_of(request).stopping.is_set():
        return JSONResponse({"status": "stopping"}, 503)
    return JSONResponse({"status": "ok"})


async def _metrics(request: Request) -> Response:
    """Figures for Prometheus."""
    return Response(service_of(request).meters.text(), media_type="text/plain; version=0.0.4; charset=utf-8")


async def _refused(request: Request, error: Exception) -> Response:
    if isinstance(error, HTTPException):
        error = of_http(error)
    refusal = error if isinstance(error, Refusal) else invalid(str(error))
    return JSONResponse(refusal.body(request.url.path), refusal.status, dict(refusal.headers))
