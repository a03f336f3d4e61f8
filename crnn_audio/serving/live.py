"""Live speech from clients: 16-bit samples in, growing text out, the streams of all clients stepped by one worker.

Sound is gathered to `STEP` seconds before it is recognised, and further while more of it has come already, so that a
busy service catches up; it is cut into pieces of `LONGEST` seconds, so that no client waits for another's.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from functools import partial
from typing import Any

import numpy as np
from fastapi import WebSocket
from fastapi.responses import JSONResponse
from starlette.websockets import WebSocketState

from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.endpoints import StreamResult
from crnn_audio.serving.models import Served
from crnn_audio.serving.refusals import Refusal, busy, invalid
from crnn_audio.serving.service import Service, service_of

STEP = 0.16
LONGEST = 1.0
RATES = (4000, 384000)
GONE, IDLE, STOPPING = "gone", "idle", "stopping"
"""Why a client's messages end."""
CLOSED = {IDLE: (1008, "no sound for too long"), STOPPING: (1012, "the service is stopping")}


class Live:
    """The live speech of one client; times are seconds from its first sample."""

    def __init__(self, service: Service, model: Served, rate: float) -> None:
        if not RATES[0] <= rate <= RATES[1]:
            raise invalid(f"A sample rate is between {RATES[0]} and {RATES[1]} (found {rate:g}).", "sample_rate")
        self.service, self.model, self.rate = service, model, round(rate)
        self.seconds = 0.0
        self.text = ""
        self._before = 0.0
        self._held = b""
        self._stream = self._opened()

    async def feed(self, samples: bytes, *, more: bool = False) -> list[Hypothesis]:
        """Utterances that were finished by these samples; the text of the open one is `text`.

        Args:
            more: whether further samples have come already.

        Raises:
            Refusal: a worker did not come back in time.
        """
        self._held += samples
        finals, longest = list[Hypothesis](), 2 * round(LONGEST * self.rate)
        while len(self._held) >= (longest if more else 2 * STEP * self.rate):
            size = min(len(self._held) // 2 * 2, longest)
            piece, self._held = self._held[:size], self._held[size:]
            finals += await self._step(piece, last=False)
        return finals

    async def flush(self) -> list[Hypothesis]:
        """Ends the open utterance; what is fed later begins another one."""
        finals = await self._step(self._held[: len(self._held) // 2 * 2], last=True)
        self.clear()
        self.service.meters.audio.inc(self.seconds - self._before)
        self._before = self.seconds
        return finals

    def clear(self) -> None:
        """Forgets the open utterance."""
        self._held, self.text, self._before = b"", "", self.seconds
        self._stream = self._opened()

    def _opened(self) -> Any:
        streams = self.model.streams
        return streams.open(self.rate) if streams else self.model.opened.stream(self.rate)

    async def _step(self, piece: bytes, *, last: bool) -> list[Hypothesis]:
        block = np.frombuffer(piece, dtype="<i2").astype(np.float32) / 32768
        result: StreamResult = await self.service.live.submit(
            partial(_stepped, self.model.streams), (self._stream, block, last), ("live", id(self.model.opened))
        )
        self.seconds, self.text = self._before + result.seconds, result.text
        return [_later(one, self._before) for one in result.finals]


def _stepped(streams: Any, items: Sequence[tuple[Any, np.ndarray, bool]]) -> list[StreamResult | BaseException]:
    """The results of a block for each of several streams of a model: side by side, or one by one without `streams`."""
    if streams is None:
        return [_alone(stream, block, last) for stream, block, last in items]
    results = streams.feed({stream: block for stream, block, _ in items})
    ends = streams.flush([stream for stream, _, last in items if last])
    return [_joined(results[stream], ends[stream]) if last else results[stream] for stream, _, last in items]


def _alone(stream: Any, block: np.ndarray, last: bool) -> StreamResult | BaseException:
    try:
        result: StreamResult = stream.feed(block)
        return _joined(result, stream.flush()) if last else result
    except Exception as error:
        return error


def _joined(result: StreamResult, end: StreamResult) -> StreamResult:
    return StreamResult(end.text, (*result.finals, *end.finals), end.seconds)


def _later(one: Hypothesis, seconds: float) -> Hypothesis:
    words = [replace(word, start=word.start + seconds, end=word.end + seconds) for word in one.words]
    return replace(one, words=tuple(words), seconds=one.seconds + seconds)


@asynccontextmanager
async def accepted(socket: WebSocket, subprotocol: str | None = None) -> AsyncIterator[Service | None]:
    """The service, with this client counted among its streams; None, and a refusal sent, where there are too many."""
    service = service_of(socket)
    if service.stopping.is_set() or service.num_streams >= service.limits.max_streams:
        refusal = busy(f"{service.num_streams} live streams are open, the most at a time.", 5)
        await socket.send_denial_response(
            JSONResponse(refusal.body(socket.url.path), refusal.status, dict(refusal.headers))
        )
        yield None
        return
    service.num_streams += 1
    service.meters.streams.inc()
    try:
        await socket.accept(subprotocol=subprotocol)
        yield service
    finally:
        service.num_streams -= 1
        service.meters.streams.dec()


class Messages:
    """The messages of a client until it leaves, is silent for too long, or the service stops; `ended` then says why.

    `more` says whether another one has come already.
    """

    def __init__(self, socket: WebSocket, service: Service) -> None:
        self.socket, self.service = socket, service
        self.ended = ""
        self.more = False

    def __aiter__(self) -> AsyncIterator[str | bytes]:
        return self._each()

    async def _each(self) -> AsyncIterator[str | bytes]:
        stopping = asyncio.create_task(self.service.stopping.wait())
        message = asyncio.create_task(self.socket.receive())
        idle = self.service.limits.idle_seconds
        try:
            while not self.ended:
                if not message.done():
                    await asyncio.wait({message, stopping}, timeout=idle, return_when=asyncio.FIRST_COMPLETED)
                if not message.done():
                    self.ended = STOPPING if stopping.done() else IDLE
                elif (received := message.result())["type"] == "websocket.disconnect":
                    self.ended = GONE
                else:
                    message = asyncio.create_task(self.socket.receive())
                    await asyncio.sleep(0)  # it takes what has come already
                    self.more = message.done()
                    text = received.get("text")
                    yield text if text is not None else received.get("bytes") or b""
        finally:
            message.cancel()
            stopping.cancel()

    async def close(self, refusal: Refusal | None = None) -> None:
        """Ends the conversation, if the client has not."""
        code, reason = CLOSED.get(self.ended, (1000, ""))
        if refusal:
            code, reason = (
                (1008 if refusal.status < 500 else 1011),
                refusal.message.encode()[:120].decode("utf-8", "ignore"),
            )
        if self.ended != GONE and self.socket.application_state is WebSocketState.CONNECTED:
            await self.socket.close(code, reason)
