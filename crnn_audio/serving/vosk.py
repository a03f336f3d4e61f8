"""vosk's WebSocket protocol: 16-bit samples in binary messages, one reply of JSON to each, commands as JSON."""

from collections.abc import Sequence
from typing import Any

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from crnn_audio.hypotheses import Hypothesis
from crnn_audio.serving.live import STOPPING, Live, Messages, accepted
from crnn_audio.serving.refusals import Refusal, json_object
from crnn_audio.serving.service import Service

router = APIRouter()


@router.websocket("/")
@router.websocket("/vosk")
async def vosk(socket: WebSocket) -> None:
    """A client of vosk-server; `?model=` chooses the model, as the `model` of a `config` does."""
    async with accepted(socket) as service:
        if service is None:
            return
        messages = Messages(socket, service)
        try:
            await _conversation(socket, service, messages)
            await messages.close()
        except Refusal as refusal:
            await messages.close(refusal)
        except WebSocketDisconnect:  # while it was answered
            pass


async def _conversation(socket: WebSocket, service: Service, messages: Messages) -> None:
    name, rate, live = socket.query_params.get("model"), 16000.0, None
    async for message in messages:
        if isinstance(message, str):
            command = json_object(message, "A text message is a JSON object: config, eof or reset.")
            if isinstance(config := command.get("config"), dict):
                name, rate = _text(config, "model", name), _number(config, "sample_rate", rate)
                live = None
            elif command.keys() & {"eof", "reset"}:
                await socket.send_json(final(await live.flush() if live else []))
                if "eof" in command:
                    return
            continue
        live = live or Live(service, service.models.find(name, "stream"), rate)
        finals = await live.feed(message, more=messages.more)
        await socket.send_json(final(finals) if finals else {"partial": live.text})
    if live and messages.ended == STOPPING:
        await socket.send_json(final(await live.flush()))


def _text(config: dict[str, Any], field: str, default: str | None) -> str | None:
    value = config.get(field, default)
    return value if isinstance(value, str) else default


def _number(config: dict[str, Any], field: str, default: float) -> float:
    value = config.get(field, default)
    return float(value) if isinstance(value, int | float) and not isinstance(value, bool) else default


def final(finals: Sequence[Hypothesis]) -> dict[str, Any]:
    """vosk's result of finished utterances; without words it has a text alone, which is empty."""
    words = [
        {"conf": round(word.confidence, 4), "end": round(word.end, 4), "start": round(word.start, 4), "word": word.text}
        for one in finals
        for word in one.words
    ]
    text = " ".join(one.text for one in finals)
    return {"result": words, "text": text} if words else {"text": text}
