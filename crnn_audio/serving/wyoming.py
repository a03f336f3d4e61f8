"""Wyoming, the protocol of Home Assistant's voice assistants, on a port of its own.

An event is a line of JSON, then further JSON of `data_length` bytes and a payload of `payload_length` bytes, where the
line says so. Sound is 16-bit samples; its transcript is that of a file of them.
"""

import asyncio
import io
import json
import time
import wave
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

from crnn_audio import audio
from crnn_audio.errors import CrnnAudioError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.serving.guard import LOG, too_large
from crnn_audio.serving.refusals import Refusal, busy, invalid, json_object
from crnn_audio.serving.service import Service

MAX_LINE, MAX_PART = 2**16, 2**20
HOME = {"name": "crnn_audio", "url": ""}
EVENT = "An event is a JSON object on a line."


@dataclass(frozen=True)
class Event:
    """One event of a client."""

    type: str
    data: dict[str, Any]
    payload: bytes


async def read_event(reader: asyncio.StreamReader) -> Event | None:
    """The next event; None when the client has left.

    Raises:
        Refusal: it is none, or too large.
    """
    try:
        line = await reader.readline()
        if not line:
            return None
        head = json_object(line, EVENT)
        data = json_object(json.dumps(head.get("data") or {}), EVENT)
        if size := _size(head, "data_length"):
            data |= json_object(await reader.readexactly(size), EVENT)
        return Event(str(head.get("type")), data, await reader.readexactly(_size(head, "payload_length")))
    except (asyncio.IncompleteReadError, ConnectionError):
        return None
    except ValueError:
        raise invalid(f"A line of an event is longer than {MAX_LINE} bytes.") from None


def _size(head: dict[str, Any], name: str) -> int:
    size = head.get(name) or 0
    if type(size) is not int or not 0 <= size <= MAX_PART:
        raise invalid(f"{name}: should be up to {MAX_PART} (found {str(size)[:40]}).", name)
    return size


class Wyoming:
    """What answers the clients of one service; `languages` are those of its models, which know none themselves."""

    def __init__(self, service: Service, languages: Sequence[str]) -> None:
        self.service, self.languages = service, list(languages)

    async def connected(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """One connection, until its client leaves, is silent for too long, or the service stops."""
        service = self.service
        conversation = Conversation(self, reader, writer)
        service.num_streams += 1
        service.meters.streams.inc()
        try:
            if service.stopping.is_set() or service.num_streams > service.limits.max_streams:
                raise busy(f"{service.num_streams - 1} live streams are open, the most at a time.", 5)
            await conversation.run()
        except Refusal as refusal:
            await conversation.refuse(refusal)
        except (ConnectionError, TimeoutError):
            pass
        except Exception:
            LOG.exception("a Wyoming connection failed")
        finally:
            service.num_streams -= 1
            service.meters.streams.dec()
            writer.close()
            with suppress(ConnectionError):
                await writer.wait_closed()

    def info(self) -> dict[str, Any]:
        """What there is, as `describe` asks for it."""
        about = {"attribution": HOME, "installed": True, "version": version("crnn-audio")}
        models = [
            about | {"name": one.name, "description": one.name, "languages": self.languages}
            for one in self.service.models
            if "transcribe" in one.verbs
        ]
        return {"asr": [about | {"name": "crnn_audio", "description": "Speech recognition", "models": models}]}


class Conversation:
    """One client: the model and the language that it asked for, and its sound so far."""

    def __init__(self, server: Wyoming, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.server, self.service, self.reader, self.writer = server, server.service, reader, writer
        self.model: str | None = None
        self.language: str | None = None
        self.form = (16000, 2, 1)
        self.sound = bytearray()

    async def run(self) -> None:
        """Answers all events.

        Raises:
            Refusal: one cannot be read, or the service stops.
        """
        stopping = asyncio.create_task(self.service.stopping.wait())
        try:
            while event := await self._next(stopping):
                try:
                    await self._answer(event)
                except (Refusal, CrnnAudioError) as error:
                    self.sound.clear()
                    await self.refuse(error if isinstance(error, Refusal) else invalid(str(error)))
            if stopping.done():
                raise Refusal(503, "The service is stopping.", "stopping")
        finally:
            stopping.cancel()

    async def refuse(self, refusal: Refusal) -> None:
        """Sends an error."""
        with suppress(ConnectionError, TimeoutError):
            await self._send("error", text=refusal.message, code=refusal.code or refusal.kind)

    async def _next(self, stopping: "asyncio.Task[Any]") -> Event | None:
        reading = asyncio.create_task(read_event(self.reader))
        try:
            idle = self.service.limits.idle_seconds
            await asyncio.wait({reading, stopping}, timeout=idle, return_when=asyncio.FIRST_COMPLETED)
            return reading.result() if reading.done() else None
        finally:
            reading.cancel()

    async def _answer(self, event: Event) -> None:
        match event.type:
            case "describe":
                await self._send("info", **self.server.info())
            case "ping":
                await self._send("pong", text=event.data.get("text"))
            case "transcribe":
                self.model, self.language = event.data.get("name"), event.data.get("language")
                self.service.models.find(self._named(), "transcribe")
            case "audio-start":
                self.form = _form(event.data)
                self.sound.clear()
            case "audio-chunk":
                self.sound += event.payload
                if len(self.sound) > self.service.limits.max_upload:
                    raise too_large(self.service.limits)
            case "audio-stop":
                await self._transcribe()

    def _named(self) -> str | None:
        return self.model if isinstance(self.model, str) else None

    async def _transcribe(self) -> None:
        started = time.monotonic()
        model = self.service.models.find(self._named(), "transcribe")
        content = _wav(bytes(self.sound), *self.form)
        self.sound.clear()
        try:
            found: Hypothesis = await self.service.workers.submit(
                model.opened.transcribe_each, content, id(model.opened)
            )
        except CrnnAudioError as error:
            raise invalid(str(error).replace(f"{audio.name_of(content)}: ", ""), code="invalid_audio") from None
        self.service.meters.audio.inc(found.seconds)
        LOG.info({"method": "WYOMING", "path": "transcribe", "seconds": round(time.monotonic() - started, 3)})
        await self._send("transcript", text=found.text, language=self.language)

    async def _send(self, kind: str, **data: Any) -> None:
        content = json.dumps(data, ensure_ascii=False).encode()
        head = {"type": kind, "version": version("crnn-audio"), "data_length": len(content)}
        self.writer.write(json.dumps(head).encode() + b"\n" + content)
        async with asyncio.timeout(self.service.limits.send_seconds):
            await self.writer.drain()


def _form(data: dict[str, Any]) -> tuple[int, int, int]:
    rate, width, channels = (data.get(name) for name in ("rate", "width", "channels"))
    if type(rate) is not int or not 4000 <= rate <= 384000 or width != 2 or channels not in (1, 2):
        found = f"rate {rate}, width {width}, channels {channels}"[:80]
        raise invalid(f"Sound should be 16-bit samples of one or two channels (found {found}).", "audio-start")
    return rate, width, channels


def _wav(samples: bytes, rate: int, width: int, channels: int) -> bytes:
    content = io.BytesIO()
    with wave.open(content, "wb") as file:
        file.setframerate(rate)
        file.setsampwidth(width)
        file.setnchannels(channels)
        file.writeframes(samples[: len(samples) // (width * channels) * width * channels])
    return content.getvalue()
