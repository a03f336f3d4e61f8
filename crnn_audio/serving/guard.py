"""What stands before every request: who may ask, how large and how slow a body may be, what is counted and logged."""

import asyncio
import json
import logging
import time
import uuid
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

from starlette.datastructures import Headers, QueryParams
from starlette.exceptions import HTTPException
from starlette.types import ASGIApp, Message, Receive, Scope, Send
from starlette.websockets import WebSocketClose, WebSocketDisconnect

from crnn_audio.serving.limits import Access, Limits
from crnn_audio.serving.meters import Meters
from crnn_audio.serving.refusals import Refusal

LOG = logging.getLogger("crnn_audio.serving")
OPEN = ("/", "/health")
"""Paths that need no token, beside the files of the page."""
SUBPROTOCOL = "openai-insecure-api-key."
"""Before the token where a browser, which can set no header of a WebSocket, names it as a subprotocol."""
LINGER = 2.0
"""Seconds in which the rest of a refused body is thrown away, so that its client reads the answer."""


@dataclass
class Exchange:
    """What is known of one request: how much of its body has come, and what was answered."""

    limits: Limits
    receive: Receive
    send: Send
    started: float = field(default_factory=time.monotonic)
    num_bytes: int = 0
    status: int = 0
    is_read: bool = False

    async def next(self) -> Message:
        """The next part of the body.

        Raises:
            Refusal: it is too large, too slow, or was cut off.
        """
        if self.is_read:  # all that can come is the client's leaving
            return await self.receive()
        end = self.started + self.limits.body_seconds + self.num_bytes / self.limits.body_rate
        try:
            async with asyncio.timeout(max(end - time.monotonic(), 0.001)):
                message = await self.receive()
        except TimeoutError:
            raise Refusal(408, f"The body came too slowly: {self.num_bytes} bytes.", "timeout") from None
        if message["type"] == "http.disconnect":
            raise Refusal(400, "The body was cut off.", "cut_off")
        self.num_bytes += len(message.get("body", b""))
        self.is_read = not message.get("more_body", False)
        if self.num_bytes > self.limits.max_upload:
            raise too_large(self.limits)
        return message

    async def answer(self, message: Message) -> None:
        """Sends a part of the answer; the end of the last one waits until the rest of a refused body has come."""
        if message["type"] == "http.response.start":
            self.status = message["status"]
            if not self.is_read:
                message = {**message, "headers": [*message.get("headers", ()), (b"connection", b"close")]}
        is_last = message["type"] == "http.response.body" and not message.get("more_body", False)
        if is_last and not self.is_read:
            await self._send({**message, "more_body": True})
            await self._discard()
            message = {"type": "http.response.body", "body": b"", "more_body": False}
        await self._send(message)

    async def _send(self, message: Message) -> None:
        with suppress(TimeoutError):
            async with asyncio.timeout(self.limits.send_seconds):
                await self.send(message)

    async def _discard(self) -> None:
        end = time.monotonic() + LINGER
        while not self.is_read and (left := end - time.monotonic()) > 0:
            with suppress(TimeoutError):
                async with asyncio.timeout(left):
                    message = await self.receive()
                self.is_read = message["type"] == "http.disconnect" or not message.get("more_body", False)


def too_large(limits: Limits) -> Refusal:
    """Of a body beyond the limit."""
    megabytes = limits.max_upload / 2**20
    return Refusal(413, f"The body is larger than {megabytes:g} MiB, the most that is accepted.", "too_large")


class Guard:
    """Middleware around the whole application."""

    def __init__(self, app: ASGIApp, limits: Limits, access: Access, meters: Meters) -> None:
        self.app, self.limits, self.access, self.meters = app, limits, access, meters

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request, or one WebSocket."""
        if scope["type"] == "http":
            await self._http(scope, receive, send)
        elif scope["type"] == "websocket":
            await self._websocket(scope, receive, send)
        else:
            await self.app(scope, receive, send)

    async def _http(self, scope: Scope, receive: Receive, send: Send) -> None:
        exchange = Exchange(self.limits, receive, send)
        headers = Headers(scope=scope)
        exchange.is_read = "content-length" not in headers and "transfer-encoding" not in headers
        scope["request_id"] = headers.get("x-request-id", "")[:64] or uuid.uuid4().hex[:12]
        try:
            if refusal := self._refusal(scope, headers):
                await answer(refusal, scope["path"], exchange.answer)
            else:
                await self._in_time(scope, exchange)
        finally:
            self._note(scope, exchange.status, time.monotonic() - exchange.started, num_bytes=exchange.num_bytes)

    async def _in_time(self, scope: Scope, exchange: Exchange) -> None:
        try:
            await self.app(scope, exchange.next, exchange.answer)
        except Exception:
            LOG.exception("request %s failed", scope["request_id"])
            if not exchange.status:
                refusal = Refusal(500, f"An error of the service; its log has request {scope['request_id']}.")
                await answer(refusal, scope["path"], exchange.answer)

    async def _websocket(self, scope: Scope, receive: Receive, send: Send) -> None:
        started, headers = time.monotonic(), Headers(scope=scope)
        scope["request_id"] = uuid.uuid4().hex[:12]
        refusal = self._refusal(scope, headers)
        try:
            if refusal is None:
                await self._talk(scope, receive, send)
            elif "websocket.http.response" in scope.get("extensions", {}):
                await answer(refusal, scope["path"], send, "websocket.http.response")
            else:
                await WebSocketClose(code=1008, reason=refusal.message[:100])(scope, receive, send)
        finally:
            self._note(scope, refusal.status if refusal else 101, time.monotonic() - started)

    async def _talk(self, scope: Scope, receive: Receive, send: Send) -> None:
        async def bounded(message: Message) -> None:
            try:
                async with asyncio.timeout(self.limits.send_seconds):
                    await send(message)
            except (RuntimeError, TimeoutError):  # it has closed the connection, or reads nothing
                raise WebSocketDisconnect(1006) from None

        try:
            await self.app(scope, receive, bounded)
        except WebSocketDisconnect:
            with suppress(RuntimeError):
                await send({"type": "websocket.close", "code": 1008})
        except Exception:
            LOG.exception("request %s failed", scope["request_id"])
            with suppress(RuntimeError):  # it is closed already
                await send({"type": "websocket.close", "code": 1011, "reason": f"see the log: {scope['request_id']}"})

    def _refusal(self, scope: Scope, headers: Headers) -> Refusal | None:
        """Why a request is refused before it is read."""
        path = scope["path"]
        if not self.access.permits(headers):
            host = headers.get("origin", "")[:100]
            return Refusal(403, f"Pages of {host} may not use this service. Start it with --origin {host}.", "origin")
        is_page = scope["type"] == "http" and (path in OPEN or path.startswith("/page/"))
        if self.access.tokens and not is_page and scope.get("method") != "OPTIONS" and not self._token(scope, headers):
            return Refusal(401, "A token is needed: Authorization: Bearer TOKEN.", "invalid_api_key")
        length = headers.get("content-length", "")
        if length.isdecimal() and (len(length) > 15 or int(length) > self.limits.max_upload):
            return too_large(self.limits)
        return None

    def _token(self, scope: Scope, headers: Headers) -> bool:
        given = [headers.get("authorization", "").removeprefix("Bearer ").strip()]
        if scope["type"] == "websocket":
            offered = [one.strip() for one in headers.get("sec-websocket-protocol", "").split(",")]
            given += [one.removeprefix(SUBPROTOCOL) for one in offered if one.startswith(SUBPROTOCOL)]
            given.append(QueryParams(scope.get("query_string", b"")).get("token", ""))
        return any(self.access.knows(one) for one in given)

    def _note(self, scope: Scope, status: int, seconds: float, **more: Any) -> None:
        route = getattr(scope.get("route"), "path", "other")
        self.meters.requests.labels(route, str(status)).inc()
        self.meters.seconds.labels(route).observe(seconds)
        client = scope.get("client") or ("",)
        LOG.info(
            {
                "request": scope["request_id"],
                "client": client[0],
                "method": scope.get("method", "WEBSOCKET"),
                "path": scope["path"][:200],
                "status": status,
                "seconds": round(seconds, 3),
                **more,
            }
        )


async def answer(refusal: Refusal, path: str, send: Send, kind: str = "http.response") -> None:
    """Sends a refusal."""
    body = json.dumps(refusal.body(path)).encode()
    headers = {"content-type": "application/json", "content-length": str(len(body)), **refusal.headers}
    pairs = [(name.encode(), value.encode()) for name, value in headers.items()]
    await send({"type": f"{kind}.start", "status": refusal.status, "headers": pairs})
    await send({"type": f"{kind}.body", "body": body})


def of_http(error: HTTPException) -> Refusal:
    """Of the framework's own errors: an unknown path, a method that a path does not have."""
    messages = {404: "There is no such path.", 405: "This path does not have that method."}
    return Refusal(error.status_code, messages.get(error.status_code, str(error.detail)), headers=error.headers or {})
