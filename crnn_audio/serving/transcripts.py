"""A transcript in the shapes of OpenAI's audio API, which whisper.cpp's server shares."""

import json
import math
import re
import zlib
from collections.abc import AsyncIterator, Iterator, Sequence
from typing import Any

from fastapi.responses import JSONResponse, PlainTextResponse, Response, StreamingResponse

from crnn_audio.hypotheses import Hypothesis, Word
from crnn_audio.inference.outputs.captions import cues
from crnn_audio.inference.outputs.formats import FORMATS
from crnn_audio.serving.forms import Upload
from crnn_audio.serving.refusals import invalid

PLAIN = ("text", "srt", "vtt")
SHAPES = ("json", *PLAIN, "verbose_json")


def shape_of(upload: Upload) -> str:
    """The format that is asked for.

    Raises:
        Refusal: there is no such format.
    """
    shape = upload.get("response_format") or "json"
    if shape not in SHAPES:
        message = f"response_format should be one of {', '.join(SHAPES)} (found {shape[:40]!r})."
        raise invalid(message, "response_format")
    return shape


def response(hypothesis: Hypothesis, shape: str, upload: Upload) -> Response:
    """The answer in that format."""
    if shape in PLAIN:
        kind = "text/vtt" if shape == "vtt" else "text/plain"
        return PlainTextResponse(FORMATS[shape](hypothesis), media_type=kind)
    if shape == "json":
        return JSONResponse({"text": hypothesis.text, "usage": usage(hypothesis.seconds)})
    return JSONResponse(verbose(hypothesis, upload.get("language"), upload.all("timestamp_granularities")))


def usage(seconds: float) -> dict[str, Any]:
    """What was recognised, as OpenAI counts it."""
    return {"type": "duration", "seconds": math.ceil(seconds)}


def verbose(hypothesis: Hypothesis, language: str, granularities: Sequence[str]) -> dict[str, Any]:
    """With segments, and with words if they are asked for; a model knows no language, so it is the one of the request.

    `no_speech_prob` is 0 and `tokens` are empty: nothing here measures the one, and the others are Whisper's.
    """
    about: dict[str, Any] = {
        "task": "transcribe",
        "language": language or "und",
        "duration": round(hypothesis.seconds, 4),
        "text": hypothesis.text,
        "segments": list(_segments(hypothesis)),
    }
    if "word" in granularities:
        about["words"] = [_word(word) for word in hypothesis.words]
    return about | {"usage": usage(hypothesis.seconds)}


def _word(word: Word) -> dict[str, Any]:
    times = {"start": round(word.start, 4), "end": round(word.end, 4)}
    return {"word": word.text, **times, "probability": round(word.confidence, 4)}


def _segments(hypothesis: Hypothesis) -> Iterator[dict[str, Any]]:
    for number, cue in enumerate(cues(hypothesis)):
        text = " ".join(cue.lines)
        start, end = cue.start / 1000, cue.end / 1000
        words = [word for word in hypothesis.words if start <= (word.start + word.end) / 2 < end]
        probs = [max(word.confidence, 1e-9) for word in words] or [max(hypothesis.confidence, 1e-9)]
        encoded = text.encode()
        yield {
            "id": number,
            "seek": 0,
            "start": start,
            "end": end,
            "text": text,
            "tokens": [],
            "temperature": 0.0,
            "avg_logprob": round(sum(map(math.log, probs)) / len(probs), 4),
            "compression_ratio": round(len(encoded) / len(zlib.compress(encoded)), 4),
            "no_speech_prob": 0.0,
            "words": [_word(word) for word in words],
        }


def streamed(events: AsyncIterator[str]) -> Response:
    """Server-sent events."""
    return StreamingResponse(events, media_type="text/event-stream", headers={"cache-control": "no-store"})


def deltas(sent: str, text: str) -> Iterator[str]:
    """Events of a text that has grown: a delta for each word or part of one."""
    for part in re.findall(r"\s*\S+", text[len(sent) :] if text.startswith(sent) else ""):
        yield event({"type": "transcript.text.delta", "delta": part})


def done(hypothesis: Hypothesis) -> str:
    """The last events, with the whole text."""
    whole = {"type": "transcript.text.done", "text": hypothesis.text, "usage": usage(hypothesis.seconds)}
    return event(whole) + "data: [DONE]\n\n"


def event(fields: dict[str, Any]) -> str:
    """A server-sent event of JSON."""
    return f"data: {json.dumps(fields, ensure_ascii=False)}\n\n"
