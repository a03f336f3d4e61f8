"""Recordings into labels over HTTP: one of a whole, or segments within it."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from fastapi import APIRouter, Request
from fastapi.responses import JSONResponse, Response

from crnn_audio.hypotheses import Labelled, Labels
from crnn_audio.inference.outputs.label_formats import fields
from crnn_audio.serving.forms import upload
from crnn_audio.serving.refusals import invalid
from crnn_audio.serving.service import service_of

router = APIRouter()
MAX_TOP = 1000


@router.post("/v1/classify")
async def classify(request: Request) -> Response:
    """What a recording is, and the `top` likeliest classes."""
    service = service_of(request)
    async with upload(request) as given:
        model = service.models.find(given.get("model") or None, "classify")
        count = given.get("top", "5")
        if not count.isdecimal() or not 1 <= int(count) <= MAX_TOP:
            raise invalid(f"top: should be from 1 to {MAX_TOP} (found {count[:40]!r}).", "top")

        def work(sources: Sequence[Any]) -> list[Any]:
            found = dict(model.opened.as_completed(sources, top=int(count)))
            return [found[place] for place in range(len(sources))]

        labels: Labels = await given.computed(service.workers, work, (id(model.opened), count))
    service.meters.audio.inc(labels.seconds)
    found = fields(labels)
    del found["path"]  # of a temporary file, if any
    return JSONResponse({"model": model.name, **found})


@router.post("/v1/label")
async def label(request: Request) -> Response:
    """The labelled segments of a recording, in seconds."""
    service = service_of(request)
    async with upload(request) as given:
        model = service.models.find(given.get("model") or None, "label")
        found: Labelled = await given.computed(
            service.workers, lambda sources: [model.opened.labelled(sources[0])], None
        )
    service.meters.audio.inc(found.seconds)
    segments = [asdict(one) for one in found.segments]
    return JSONResponse({"model": model.name, "segments": segments, "seconds": found.seconds})
