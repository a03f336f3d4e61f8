"""A stream as a person or a program sees it: text that grows on a terminal, a line for each utterance anywhere else."""

import json
import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from crnn_audio.audio import Blocks
from crnn_audio.inference.outputs.formats import fields
from crnn_audio.inference.speech.stream import Heard, Stream


def show(stream: Stream, blocks: Blocks, stdout: TextIO, *, as_json: bool) -> None:
    """Feeds all blocks and writes what is heard at once; as JSON, an event a line.

    Where the sound ends by Ctrl-C or by an error, what was heard until then is finished and written all the same.
    """
    screen = _Screen(stdout, as_json)
    try:
        for block in blocks:
            with _undisturbed():
                screen.put(stream.feed(block))
    finally:
        try:
            screen.put(stream.flush())
        finally:
            screen.leave()


@contextmanager
def _undisturbed() -> Iterator[None]:
    """Lets a block be heard to its end, and only then a Ctrl-C interrupt."""
    usual = signal.default_int_handler
    if signal.getsignal(signal.SIGINT) is not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    came = list[int]()
    signal.signal(signal.SIGINT, lambda number, frame: came.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if came:
        raise KeyboardInterrupt


class _Screen:
    """What has been written of the open utterance."""

    def __init__(self, stdout: TextIO, as_json: bool) -> None:
        self.stdout = stdout
        self.as_json = as_json
        self.growing = stdout.isatty() and not as_json
        self.shown = ""

    def put(self, heard: Heard) -> None:
        for final in heard.finals:
            line = json.dumps({"event": "final", **fields(final)}, ensure_ascii=False)
            self.stdout.write("\r\x1b[K" * self.growing + (line if self.as_json else final.text) + "\n")
            self.shown = ""
        if heard.text != self.shown:
            self.shown = heard.text
            self.stdout.write(_partial(self.shown, heard.seconds, self.growing, self.as_json))
        self.stdout.flush()

    def leave(self) -> None:
        """Leaves what comes next a line of its own."""
        if self.growing and self.shown:
            self.stdout.write("\n")


def _partial(text: str, seconds: float, growing: bool, as_json: bool) -> str:
    if as_json:
        event = {"event": "partial", "text": text, "seconds": round(seconds, 3)}
        return json.dumps(event, ensure_ascii=False) + "\n"
    if not growing:
        return ""
    width = shutil.get_terminal_size().columns - 1
    return "\r\x1b[K" + text[-width:]  # its end, in one row: a row that wraps could not be taken back
