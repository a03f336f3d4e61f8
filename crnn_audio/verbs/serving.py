"""Models behind an address."""

from contextlib import ExitStack
from pathlib import Path
from typing import Annotated

import typer

from crnn_audio.console import report
from crnn_audio.errors import DataError
from crnn_audio.verbs.arguments import Device

LOOPBACK = ("127.", "::1", "localhost")


def serve(
    models: Annotated[list[str], typer.Argument(metavar="MODEL", help="Run directories, or names of shipped models.")],
    host: Annotated[str, typer.Option(help="Address to listen at; 0.0.0.0 for all of this machine.")] = "127.0.0.1",
    port: Annotated[int, typer.Option(min=0, max=65535, help="Port to listen at; 0 for any that is free.")] = 8000,
    token: Annotated[
        Path | None, typer.Option(metavar="FILE", help="Accept only requests with a token of this file, one a line.")
    ] = None,
    origins: Annotated[
        list[str] | None,
        typer.Option("--origin", metavar="URL", help="Let pages of this address use the service; repeat it for more."),
    ] = None,
    max_streams: Annotated[int, typer.Option(min=1, help="Live streams at a time.")] = 100,
    max_upload: Annotated[int, typer.Option(min=1, metavar="MB", help="Size of an upload in MiB.")] = 100,
    workers: Annotated[int, typer.Option(min=1, max=256, help="Threads that compute files and pieces.")] = 2,
    wyoming_port: Annotated[
        int | None, typer.Option(min=0, max=65535, help="Port for clients of Wyoming, such as Home Assistant: 10300.")
    ] = None,
    languages: Annotated[
        list[str] | None,
        typer.Option("--language", metavar="TAG", help="What Wyoming says the models know; repeat it for more. [en]"),
    ] = None,
    device: Device = "auto",
) -> None:
    """Serve models over HTTP and WebSocket.

    Speaks OpenAI's audio API, whisper.cpp's, vosk's and Wyoming, and has a page for browsers. A line of JSON for each
    request goes to standard error. SIGTERM ends it once all requests are answered; SIGHUP opens the models anew.
    """
    from crnn_audio import serving

    serving.require_extra()
    from crnn_audio.serving import server

    access = serving.Access(server.read_tokens(token) if token else (), tuple(origins or ()))
    limits = serving.Limits(max_upload=max_upload * 2**20, max_streams=max_streams, num_workers=workers)
    if wyoming_port is not None and token:
        raise DataError("clients of Wyoming send no token: leave out --token or --wyoming-port.")
    with ExitStack() as stack:
        listening = stack.enter_context(server.bound(host, port))
        wyoming = stack.enter_context(server.bound(host, wyoming_port)) if wyoming_port is not None else None
        if not host.startswith(LOOPBACK):
            report("Browsers give a page the microphone only at https or localhost: put a proxy with TLS before it.")
            if not token:
                report("Everybody who reaches this address may use it: name a file of tokens by --token.")
        server.run(serving.app(models, limits, access, device), listening, wyoming, languages or ("en",))
