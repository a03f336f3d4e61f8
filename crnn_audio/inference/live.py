"""A stream as a person or a program sees it: text that grows on a terminal, a line for each utterance anywhere else."""

import json
import shutil
from collections.abc import Iterator
from typing import TextIO

from crnn_audio.audio import Blocks
from crnn_audio.inference.formats import fields
from crnn_audio.inference.stream import Heard, Stream


def show(stream: Stream, blocks: Blocks, stdout: TextIO, *, as_json: bool) -> None:
    """Feeds all blocks and writes what is heard at once; as JSON, an event a line."""
    growing = stdout.isatty() and not as_json
    shown = ""
    try:
        for heard in _listen(stream, blocks):
            for final in heard.finals:
                line = json.dumps({"event": "final", **fields(final)}, ensure_ascii=False)
                stdout.write("\r\x1b[K" * growing + (line if as_json else final.text) + "\n")
                shown = ""
            if heard.text != shown:
                shown = heard.text
                stdout.write(_partial(shown, heard.seconds, growing, as_json))
            stdout.flush()
    finally:
        if growing and shown:
            stdout.write("\n")


def _listen(stream: Stream, blocks: Blocks) -> Iterator[Heard]:
    for block in blocks:
        yield stream.feed(block)
    yield stream.flush()


def _partial(text: str, seconds: float, growing: bool, as_json: bool) -> str:
    if as_json:
        event = {"event": "partial", "text": text, "seconds": round(seconds, 3)}
        return json.dumps(event, ensure_ascii=False) + "\n"
    if not growing:
        return ""
    width = shutil.get_terminal_size().columns - 1
    return "\r\x1b[K" + text[-width:]  # its end, in one row: a row that wraps could not be taken back
