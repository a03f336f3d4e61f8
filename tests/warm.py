"""Python in a new process that need not import torch first: it is forked from a server that has done so.

`[*warm.python(), "-m", "crnn_audio", ...]` and `[*warm.python(), "-c", code]` are commands for `subprocess`, in the
place of `[sys.executable, ...]`. What they start is this file as a script: a small relay, which hands its arguments,
folder, environment and streams to the server, passes signals on, and ends as the forked process ends. Limits set in
`preexec_fn` hold for the relay alone; a test of limits needs `sys.executable`.
"""

import json
import os
import signal
import socket
import sys

PASSED_ON = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))  # noqa: PTH100, PTH120 - pathlib is slow to import
SERVER = "from tests import warm_server; warm_server.run()"
_started = {}


def python() -> list[str]:
    """The words that start Python in a shell or a process; the first call in this process starts the server."""
    if not _started:
        import subprocess
        import tempfile

        folder = tempfile.TemporaryDirectory(prefix="warm")
        address = f"{folder.name}/socket"
        with socket.socket(socket.AF_UNIX) as listening:  # who asks early waits until the server is ready
            listening.bind(address)
            listening.listen(64)
            number = listening.fileno()
            command = [sys.executable, "-c", SERVER, str(number)]
            surroundings = os.environ | {"PYTHONPATH": ROOT}
            server = subprocess.Popen(
                command, cwd=folder.name, env=surroundings, stdin=subprocess.PIPE, pass_fds=[number]
            )
        _started.update(server=server, folder=folder, address=address)
    return [sys.executable, "-I", "-S", __file__, _started["address"]]


def stop() -> None:
    """Ends the server, if it was started, and waits for it and all that it forked."""
    if _started:
        _started["server"].communicate(timeout=60)
        _started["folder"].cleanup()
        _started.clear()


def relay(address: str, arguments: list[str]) -> None:
    """Has the server run Python with these arguments, and ends as that does."""
    with socket.socket(socket.AF_UNIX) as connection:
        connection.connect(address)
        request = json.dumps([arguments, os.getcwd(), dict(os.environ)]).encode("ascii")  # noqa: PTH109
        socket.send_fds(connection, [len(request).to_bytes(8)], [0, 1, 2])
        connection.sendall(request)
        with connection.makefile("r") as answers:
            child = int(answers.readline())
            for number in PASSED_ON:
                signal.signal(number, lambda number, _: os.killpg(child, number))
            for number in (0, 1, 2):  # so that pipes close when the child closes them
                os.dup2(connection.fileno(), number)
            code = int(answers.readline())
    if code < 0:
        signal.signal(-code, signal.SIG_DFL) if -code != signal.SIGKILL else None
        os.kill(os.getpid(), -code)
    os._exit(code)


if __name__ == "__main__":
    relay(sys.argv[1], sys.argv[2:])
