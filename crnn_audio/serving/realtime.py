"""OpenAI's realtime transcription: events of JSON in both directions, samples in base64.

An utterance is an item. With `turn_detection`, which is on at first, it ends with a pause; without, at a `commit`. Text
only grows, so each delta is what came to it.
"""

import base64
import binascii
import time
import uuid
from typing import Any

from fastapi import APIRouter, WebSocket
from starlette.websockets import WebSocketDisconnect

from crnn_audio import files
from crnn_audio.errors import CrnnAudioError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.serving.live import STOPPING, Live, Messages, accepted
from crnn_audio.serving.refusals import Refusal, invalid
from crnn_audio.serving.service import Service

router = APIRouter()
RATE = 24000
TRANSCRIPTION = "conversation.item.input_audio_transcription"


@router.websocket("/v1/realtime")
async def realtime(socket: WebSocket) -> None:
    """A transcription session."""
    offered = [one.strip() for one in socket.headers.get("sec-websocket-protocol", "").split(",")]
    async with accepted(socket, "realtime" if "realtime" in offered else None) as service:
        if service is None:
            return
        messages = Messages(socket, service)
        session = Session(socket, service)
        try:
            await session.begin()
            async for message in messages:
                await session.handle(message)
            if messages.ended == STOPPING:
                await session.end_item()
            await messages.close()
        except WebSocketDisconnect:  # while it was answered
            pass


class Session:
    """One client: its settings, its live speech, and the item that is open."""

    def __init__(self, socket: WebSocket, service: Service) -> None:
        self.socket, self.service = socket, service
        self.model = socket.query_params.get("model")
        self.language: str | None = None
        self.rate = RATE
        self.turns: dict[str, Any] | None = {"type": "server_vad", "silence_duration_ms": 800}
        self.id = _id("sess")
        self.live: Live | None = None
        self.item: str | None = None
        self.previous: str | None = None
        self.begun = 0.0
        self.parts = list[str]()
        self.sent = ""

    async def begin(self) -> None:
        """The server speaks first."""
        await self._send("session.created", session=self._settings())

    async def handle(self, message: str | bytes) -> None:
        """One event of the client; what is wrong with it is an event of the server, and the session goes on."""
        event: Any = None
        try:
            event = _parsed(message)
            match event.get("type"):
                case "session.update" | "transcription_session.update":
                    self._update(event.get("session"))
                    await self._send("session.updated", session=self._settings())
                case "input_audio_buffer.append":
                    await self._append(_samples(event.get("audio")))
                case "input_audio_buffer.commit":
                    await self._commit()
                case "input_audio_buffer.clear":
                    if self.live:
                        self.live.clear()
                    self._forget()
                    await self._send("input_audio_buffer.cleared")
                case other:
                    raise invalid(f"There is no event {str(other)[:60]!r} of transcription.", "type")
        except (Refusal, CrnnAudioError) as error:
            refusal = error if isinstance(error, Refusal) else invalid(str(error))
            about = refusal.body("")["error"] | {"event_id": event.get("event_id") if isinstance(event, dict) else None}
            await self._send("error", error=about)

    def _update(self, session: Any) -> None:
        given = _object(_object(_object(session, "session").get("audio", {}), "audio").get("input", {}), "input")
        form = _object(given.get("format") or {}, "format")
        if form.get("type", "audio/pcm") != "audio/pcm":
            raise invalid(
                f"format: should be audio/pcm (found {str(form['type'])[:40]}).", "session.audio.input.format"
            )
        rate = form.get("rate", self.rate)
        transcription = _object(given.get("transcription") or {}, "transcription")
        model = transcription.get("model", self.model)
        if not isinstance(rate, int) or not isinstance(model, str | None):
            raise invalid("rate should be a whole number, and model a name.", "session")
        Live(self.service, self.service.models.find(model, "stream"), rate)  # refuses what cannot be
        self.rate, self.model, self.language = rate, model, transcription.get("language", self.language)
        if "turn_detection" in given:
            self.turns = _object(given["turn_detection"], "turn_detection") if given["turn_detection"] else None

    async def _append(self, samples: bytes) -> None:
        if self.live is None:
            self.live = Live(self.service, self.service.models.find(self.model, "stream"), self.rate)
        finals = await self.live.feed(samples)
        for one in finals:
            await self._grow(one.text, one.words[0].start if one.words else None)
            self.parts.append(one.text)
            if self.turns:
                await self._complete(one)
        await self._grow(self.live.text, None)

    async def _commit(self) -> None:
        if self.live is None:
            raise invalid("There is no sound to commit.", code="input_audio_buffer_commit_empty")
        await self.end_item()

    async def end_item(self) -> None:
        """Finishes the open utterance, if there is any sound."""
        if self.live is None:
            return
        for one in await self.live.flush():
            await self._grow(one.text, None)
            self.parts.append(one.text)
        await self._complete(None)

    async def _grow(self, text: str, start: float | None) -> None:
        """Sends what came to the open item, of which `text` is the last part."""
        if not text:
            return
        whole = " ".join([*self.parts, text])
        if self.item is None:
            self.begun = self.live.seconds if start is None and self.live else start or 0.0
            await self._open()
        if whole.startswith(self.sent) and len(whole) > len(self.sent):
            delta, self.sent = whole[len(self.sent) :], whole
            await self._send(f"{TRANSCRIPTION}.delta", item_id=self.item, content_index=0, delta=delta)

    async def _open(self) -> None:
        self.item = _id("item")
        if self.turns:
            start = round(1000 * self.begun)
            await self._send("input_audio_buffer.speech_started", audio_start_ms=start, item_id=self.item)

    async def _complete(self, final: Hypothesis | None) -> None:
        assert self.live
        self.item = self.item or _id("item")
        if self.turns:
            end = round(1000 * (final.seconds if final else self.live.seconds))
            await self._send("input_audio_buffer.speech_stopped", audio_end_ms=end, item_id=self.item)
        await self._send("input_audio_buffer.committed", previous_item_id=self.previous, item_id=self.item)
        seconds = max((final.seconds if final else self.live.seconds) - self.begun, 0.0)
        usage = {"type": "duration", "seconds": round(seconds, 3)}
        text = " ".join(self.parts)
        await self._send(f"{TRANSCRIPTION}.completed", item_id=self.item, content_index=0, transcript=text, usage=usage)
        self.previous = self.item
        self._forget()

    def _forget(self) -> None:
        self.item, self.parts, self.sent = None, [], ""
        self.begun = self.live.seconds if self.live else 0.0

    def _settings(self) -> dict[str, Any]:
        sound = {
            "format": {"type": "audio/pcm", "rate": self.rate},
            "transcription": {"model": self.model, "language": self.language},
            "turn_detection": self.turns,
            "noise_reduction": None,
        }
        about = {"id": self.id, "type": "transcription", "object": "realtime.transcription_session"}
        return about | {"audio": {"input": sound}, "expires_at": round(time.time()) + 86400}

    async def _send(self, kind: str, **fields: Any) -> None:
        await self.socket.send_json({"type": kind, "event_id": _id("event"), **fields})


def _id(kind: str) -> str:
    return f"{kind}_{uuid.uuid4().hex[:20]}"


def _parsed(message: str | bytes) -> dict[str, Any]:
    try:
        return _object(files.parse_json(message), "an event")
    except ValueError as error:
        raise invalid(f"An event is a JSON object: {error}.") from None


def _object(value: Any, name: str) -> dict[str, Any]:
    if not isinstance(value, dict):
        raise invalid(f"{name}: should be an object.", name)
    return value


def _samples(encoded: Any) -> bytes:
    try:
        return base64.b64decode(encoded, validate=True)
    except (binascii.Error, TypeError, ValueError):
        raise invalid("audio: should be 16-bit samples in base64.", "audio") from None
