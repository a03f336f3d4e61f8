"""Recordings into text over HTTP: OpenAI's audio API, and whisper.cpp's."""

import base64
from contextlib import AsyncExitStack
from typing import Any

import numpy as np
from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from crnn_audio.errors import CrnnAudioError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.plots import SHOWN_PROB, Evidence
from crnn_audio.serving.forms import Upload, upload
from crnn_audio.serving.growing import Growing
from crnn_audio.serving.models import Served
from crnn_audio.serving.refusals import Refusal
from crnn_audio.serving.service import Service, service_of
from crnn_audio.serving.transcripts import response, shape_of, streamed, verbose

router = APIRouter()


@router.post("/v1/audio/transcriptions")
async def transcriptions(request: Request) -> Response:
    """OpenAI's transcription of a file; `stream` sends it as server-sent events."""
    return await _answered(request)


@router.post("/inference")
async def inference(request: Request) -> Response:
    """whisper.cpp's: the same form, and errors as a text."""
    return await _answered(request)


async def _answered(request: Request) -> Response:
    service = service_of(request)
    async with AsyncExitStack() as stack:
        given = await stack.enter_async_context(upload(request))
        shape = shape_of(given)
        model = service.models.find(given.get("model") or None, "transcribe")
        if given.get("stream").lower() == "true":
            growing = Growing(service, model, given)
            await growing.begin()
            return streamed(growing.events(stack.pop_all()))
        hypothesis = await transcript(service, model, given)
    return response(hypothesis, shape, given)


async def transcript(service: Service, model: Served, given: Upload) -> Hypothesis:
    """The transcript of an upload; small ones that come at the same time are recognised together.

    Raises:
        Refusal: it cannot be read, or the service has too much to do.
    """
    hypothesis: Hypothesis = await given.computed(service.workers, model.opened.transcribe_each, id(model.opened))
    service.meters.audio.inc(hypothesis.seconds)
    return hypothesis


@router.post("/v1/audio/evidence")
async def evidence(request: Request) -> Response:
    """For the page: a transcript with what it was read from, as bytes in base64: features and posteriors.

    Of long recordings it is the beginning.
    """
    service = service_of(request)
    async with upload(request) as given:
        model = service.models.find(given.get("model") or None, "evidence")
        try:
            hypothesis, found = await service.workers.run(lambda: _evidence(model.opened, given))
        except CrnnAudioError as error:
            raise given.error(error) from None
    service.meters.audio.inc(hypothesis.seconds)
    return JSONResponse(verbose(hypothesis, "", ["word"]) | {"evidence": found})


def _evidence(recognizer: Any, given: Upload) -> tuple[Hypothesis, dict[str, Any]]:
    hypothesis, waveform = recognizer.beginning(given.source)
    return hypothesis, _quantised(recognizer.evidence(waveform))


def _quantised(found: Evidence) -> dict[str, Any]:
    low, high = np.percentile(found.features, (2, 99.8))
    features = np.clip((found.features - low) / max(high - low, 1e-6), 0, 1)
    visible = [place for place in range(1, found.probs.shape[1]) if found.probs[:, place].max() > SHOWN_PROB]
    return {
        "seconds": round(len(features) * found.hop_seconds, 4),
        "hop_seconds": found.hop_seconds,
        "frame_seconds": found.frame_seconds,
        "num_bins": features.shape[1],
        "features": _bytes(features),
        "tokens": [found.tokens[place] for place in visible],
        "probs": _bytes(found.probs[:, visible]),
    }


def _bytes(values: np.ndarray) -> str:
    return base64.b64encode(np.round(255 * values).astype(np.uint8).tobytes()).decode("ascii")


@router.get("/v1/models")
async def models(request: Request) -> Response:
    """All models, as OpenAI lists them."""
    return JSONResponse({"object": "list", "data": [one.as_json() for one in service_of(request).models]})


@router.get("/v1/models/{name}")
async def model(request: Request, name: str) -> Response:
    """One of them."""
    found = [one for one in service_of(request).models if one.name == name]
    if not found:
        raise Refusal(404, f"There is no model {name[:100]!r}.", "model_not_found", "model")
    return JSONResponse(found[0].as_json())
