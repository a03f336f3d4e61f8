"""The application behind an address: uvicorn, with a limit for slow heads, a stop that loses nothing, and reloading."""

import asyncio
import signal
import socket
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import h11
import uvicorn
from fastapi import FastAPI
from uvicorn.protocols.http.h11_impl import H11Protocol

from crnn_audio import files
from crnn_audio.console import report
from crnn_audio.errors import CrnnAudioError, DataError
from crnn_audio.serving.log import logging_to_stderr
from crnn_audio.serving.service import Service
from crnn_audio.serving.wyoming import MAX_LINE, Wyoming

Languages = Sequence[str]
MAX_MESSAGE = 2**20
"""Bytes of a WebSocket's message: half a minute of sound."""
MAX_HEAD = 2**16
TOO_SLOW = b"HTTP/1.1 408 Request Timeout\r\nconnection: close\r\ncontent-length: 0\r\n\r\n"


def read_tokens(path: Path) -> tuple[str, ...]:
    """The tokens of a file, one a line; empty lines and lines that begin with # are none.

    Raises:
        DataError: it cannot be read, or has none.
    """
    lines = [line.strip() for line in files.read_text(path, DataError).splitlines()]
    tokens = tuple(line for line in lines if line and not line.startswith("#"))
    if not tokens:
        raise DataError(f"{path}: has no tokens. Write one on each line.")
    return tokens


def bound(host: str, port: int) -> socket.socket:
    """A socket that listens there; before any model is opened, which takes longer.

    Raises:
        DataError: the port is in use, or there is no such address here.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    listening = socket.socket(family)
    listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
    try:
        listening.bind((host, port))
    except OSError as error:
        listening.close()
        reason = error.strerror or str(error)
        raise DataError(f"{host}:{port}: cannot be served ({reason}). Choose another --port or --host.") from None
    return listening


def run(
    app: FastAPI, listening: socket.socket, wyoming: socket.socket | None = None, languages: Languages = ()
) -> None:
    """Serves until SIGTERM or Ctrl-C; SIGHUP opens all models anew.

    Args:
        wyoming: a further socket, for clients of that protocol.
        languages: of the models, for those clients.
    """
    with logging_to_stderr():
        new_server(app, wyoming, languages).run([listening])


def new_server(app: FastAPI, wyoming: socket.socket | None = None, languages: Languages = ()) -> "Server":
    """A server that listens to sockets that it is given; arguments are those of `run`."""
    service: Service = app.state.service
    config = uvicorn.Config(
        app,
        http=protocol(service.limits.head_seconds),
        ws="websockets-sansio",
        ws_max_size=MAX_MESSAGE,
        ws_per_message_deflate=False,  # sound and short texts become hardly smaller
        ws_ping_timeout=None,  # a pong waits behind the sound that a busy service has not read yet
        h11_max_incomplete_event_size=MAX_HEAD,
        log_config=None,
        access_log=False,
        server_header=False,
        timeout_graceful_shutdown=round(service.limits.drain_seconds),
    )
    return Server(config, service, wyoming, Wyoming(service, languages))


class Server(uvicorn.Server):
    """Stops in order: no more connections, live streams finish, requests are answered, workers end."""

    def __init__(
        self, config: uvicorn.Config, service: Service, listening: socket.socket | None, wyoming: Wyoming
    ) -> None:
        super().__init__(config)
        self.service = service
        self._listening, self._wyoming = listening, wyoming

    async def startup(self, sockets: list[socket.socket] | None = None) -> None:
        """Begins to listen, and says where."""
        await super().startup(sockets)
        host, port = (sockets or [])[0].getsockname()[:2]
        shown = f"[{host}]" if ":" in host else host
        report(f"Serving {', '.join(one.name for one in self.service.models)} at http://{shown}:{port}/")
        if self._listening:
            started = await asyncio.start_server(self._wyoming.connected, sock=self._listening, limit=MAX_LINE)
            self.servers.append(started)
            report(f"Wyoming at tcp://{shown}:{self._listening.getsockname()[1]}")
        if threading.current_thread() is threading.main_thread():
            asyncio.get_running_loop().add_signal_handler(signal.SIGHUP, self._reload)

    def _reload(self) -> None:
        threading.Thread(target=reload, args=(self.service,), daemon=True).start()

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Lets everything that was accepted be answered."""
        for server in self.servers:
            server.close()
        await self.service.stop()
        await super().shutdown(sockets)

    def handle_exit(self, sig: int, frame: Any) -> None:
        """Begins to stop; a stop that was asked for is no error."""
        super().handle_exit(sig, frame)
        self._captured_signals.clear()


def reload(service: Service) -> None:
    """Opens all models anew, and says how it went; what is damaged changes nothing."""
    try:
        service.models.reload()
        report("Models opened anew.")
    except CrnnAudioError as error:
        report(f"{error} The models from before are served.")


def protocol(head_seconds: float) -> type[H11Protocol]:
    """uvicorn's HTTP protocol, with a limit to how long the head of a request may take."""

    class Bounded(H11Protocol):
        head_timer: asyncio.TimerHandle | None = None

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            super().connection_made(transport)
            self._watch_head()

        def data_received(self, data: bytes) -> None:
            super().data_received(data)
            self._watch_head()

        def connection_lost(self, exc: Exception | None) -> None:
            self._forget()
            super().connection_lost(exc)

        def _should_upgrade(self) -> bool:
            """What cannot become a WebSocket is a request like others; its handshake would wait for ever."""
            names = {name for name, _ in self.headers}
            possible = self.scope["method"] == "GET" and b"sec-websocket-key" in names
            return possible and not names & {b"content-length", b"transfer-encoding"} and super()._should_upgrade()

        def handle_websocket_upgrade(self, event: Any) -> None:
            self._forget()
            super().handle_websocket_upgrade(event)
            self.loop.call_later(head_seconds, _close_unless_open, self.transport)

        def _watch_head(self) -> None:
            waits = self.conn.their_state is h11.IDLE and self.timeout_keep_alive_task is None
            if not waits or self.transport.is_closing():
                self._forget()
            elif self.head_timer is None:
                self.head_timer = self.loop.call_later(head_seconds, self._too_slow)

        def _forget(self) -> None:
            if self.head_timer:
                self.head_timer.cancel()
                self.head_timer = None

        def _too_slow(self) -> None:
            self.head_timer = None
            if not self.transport.is_closing():
                self.transport.write(TOO_SLOW)
                self.transport.close()

    return Bounded


def _close_unless_open(transport: asyncio.Transport) -> None:
    if not getattr(transport.get_protocol(), "handshake_complete", True):
        transport.close()
