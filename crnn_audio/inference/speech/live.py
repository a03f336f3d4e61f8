"""Shows a stream: text that grows on a terminal, a line for each utterance in a file or pipe."""

import shutil
import signal
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TextIO

from crnn_audio import console
from crnn_audio.audio import Blocks
from crnn_audio.hypotheses import Event, Segment
from crnn_audio.inference.outputs.formats import fields
from crnn_audio.inference.speech.endpoints import EventResult, LiveStream, StreamResult


def show(stream: LiveStream, blocks: Blocks, stdout: TextIO, *, as_json: bool) -> None:
    """Feeds all blocks and writes their text at once; as JSON, an event a line.

    After Ctrl-C or an error, the utterance of the sound so far is finished and written.
    """
    screen = _Screen(stdout, as_json)
    try:
        for block in blocks:
            with _interrupt_delayed():
                screen.put(stream.feed(block))
    finally:
        try:
            screen.put(stream.flush())
        finally:
            screen.leave()


@contextmanager
def _interrupt_delayed() -> Iterator[None]:
    """Delays a Ctrl-C until the block is decoded."""
    usual = signal.default_int_handler
    if signal.getsignal(signal.SIGINT) is not usual or threading.current_thread() is not threading.main_thread():
        yield
        return
    signals = list[int]()
    signal.signal(signal.SIGINT, lambda number, frame: signals.append(number))
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, usual)
    if signals:
        raise KeyboardInterrupt


class _Screen:
    """The terminal or file, and the text of the open utterance that it shows."""

    def __init__(self, stdout: TextIO, as_json: bool) -> None:
        self.as_json = as_json
        self.growing = stdout.isatty() and not as_json
        self.stdout = stdout.controlling() if self.growing and isinstance(stdout, console.Stream) else stdout
        self.shown = ""

    def put(self, result: StreamResult | EventResult) -> None:
        for final in result.finals:
            known = final.fields() if isinstance(final, Event | Segment) else {"event": "final", **fields(final)}
            line = console.as_json(known)
            text = line if self.as_json else console.one_line(final.text) if self.growing else final.text
            self.stdout.write("\r\x1b[K" * self.growing + text + "\n")
            self.shown = ""
        if result.text != self.shown:
            self.shown = result.text
            self.stdout.write(_partial(self.shown, result.seconds, self.growing, self.as_json))
        self.stdout.flush()

    def leave(self) -> None:
        """Ends the line of the open utterance."""
        if self.growing and self.shown:
            self.stdout.write("\n")


def _partial(text: str, seconds: float, growing: bool, as_json: bool) -> str:
    if as_json:
        event = {"event": "partial", "text": text, "seconds": round(seconds, 3)}
        return console.as_json(event) + "\n"
    if not growing:
        return ""
    width = shutil.get_terminal_size().columns - 1
    return "\r\x1b[K" + console.one_line(text)[-width:]  # its end, in one row: a row that wraps could not be taken back
