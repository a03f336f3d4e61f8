"""The server behind `tests.warm`: it imports all that the program may need, and forks a process for each request."""

import gc
import importlib
import json
import multiprocessing
import os
import pkgutil
import random
import runpy
import selectors
import signal
import socket
import sys
from contextlib import suppress
from multiprocessing.context import ForkProcess
from typing import TextIO

import crnn_audio

LAZY = (
    "matplotlib.pyplot matplotlib.backends.backend_agg rich.progress torch.optim torch._dynamo "
    "torchaudio soundfile scipy.io"
)
"""What is imported inside functions."""


def run() -> None:
    """Answers at the listening socket that the first argument numbers, until standard input is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    import_all()
    listening = socket.socket(fileno=int(sys.argv[1]))
    with selectors.DefaultSelector() as ready:
        ready.register(sys.stdin, selectors.EVENT_READ)
        ready.register(listening, selectors.EVENT_READ)
        while True:
            keys = [key for key, _ in ready.select()]
            if sys.stdin in [key.fileobj for key in keys]:
                break
            for key in keys:
                if key.fileobj is listening:
                    process, connection = started(listening)
                    ready.register(process.sentinel, selectors.EVENT_READ, (process, connection))
                else:
                    ready.unregister(key.fileobj)
                    ended(*key.data)
    for process in multiprocessing.active_children():
        process.kill()
        process.join()


def import_all() -> None:
    """Imports every module of the package, and leaves the garbage collector nothing to walk through."""
    names = [module.name for module in pkgutil.walk_packages(crnn_audio.__path__, "crnn_audio.")]
    for name in [name for name in names if not name.endswith("__main__")] + LAZY.split():
        importlib.import_module(name)
    gc.collect()
    gc.freeze()  # or a collection in a forked process would copy every page


def started(listening: socket.socket) -> tuple[ForkProcess, socket.socket]:
    """A process that does what is asked for at the socket, and the connection that waits for its end."""
    connection, _ = listening.accept()
    head, streams, _, _ = socket.recv_fds(connection, 8, 3)
    with connection.makefile("rb") as file:
        arguments, folder, environment = json.loads(file.read(int.from_bytes(head)))
    process = multiprocessing.get_context("fork").Process(target=become, args=(arguments, folder, environment, streams))
    process.start()
    assert process.pid
    with suppress(ProcessLookupError, PermissionError):
        os.setpgid(process.pid, process.pid)  # as it does itself: a signal may come before
    for stream in streams:
        os.close(stream)
    connection.sendall(f"{process.pid}\n".encode())
    return process, connection


def ended(process: ForkProcess, connection: socket.socket) -> None:
    """Tells how the process ended, unless nobody listens any more."""
    process.join()
    with connection, suppress(BrokenPipeError):
        connection.sendall(f"{process.exitcode}\n".encode())


def become(arguments: list[str], folder: str, environment: dict[str, str], streams: list[int]) -> None:
    """Runs `-m module ...` or `-c code ...` as Python with these arguments would."""
    os.setpgid(0, 0)
    signal.signal(signal.SIGINT, signal.default_int_handler)
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    sys.stdin = sys.__stdin__ = open(0, encoding="utf-8", closefd=False)  # noqa: SIM115
    sys.stdout = sys.__stdout__ = writing(1, "strict")
    sys.stderr = sys.__stderr__ = writing(2, "backslashreplace")
    os.chdir(folder)
    os.environ.clear()
    os.environ.update(environment)
    random.seed()
    flag, target, *rest = arguments
    sys.argv = [flag, *rest]
    if flag == "-c":
        sys.path.insert(0, "")
        exec(compile(target, "<string>", "exec"), {"__name__": "__main__"})
    else:
        sys.path.insert(0, folder)
        runpy.run_module(target, run_name="__main__", alter_sys=True)


def writing(number: int, errors: str) -> TextIO:
    """A standard stream."""
    buffering = 1 if number == 2 or os.isatty(number) else -1
    return open(number, "w", buffering, encoding="utf-8", errors=errors, closefd=False)
