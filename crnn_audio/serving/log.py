"""The log: a line of JSON for each request, and for what went wrong, on standard error."""

import json
import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

NAMES = ("crnn_audio.serving", "uvicorn.error")


class JsonLines(logging.Formatter):
    """A record as an object on one line: the fields of a request, or a message; with the traceback of an error."""

    def format(self, record: logging.LogRecord) -> str:
        """The line."""
        content = record.msg if isinstance(record.msg, dict) else {"message": record.getMessage()}
        error = {"traceback": self.formatException(record.exc_info)} if record.exc_info else {}
        return json.dumps({"time": round(record.created, 3), "level": record.levelname.lower(), **content, **error})


@contextmanager
def logging_to_stderr() -> Iterator[None]:
    """Writes the log while a server runs; what the form parser thinks of broken forms is in their answers already."""
    handler = logging.StreamHandler(sys.stderr)
    handler.setFormatter(JsonLines())
    logging.getLogger("python_multipart").setLevel(logging.CRITICAL)
    for name in NAMES:
        logging.getLogger(name).addHandler(handler)
        logging.getLogger(name).setLevel(logging.INFO if name == NAMES[0] else logging.WARNING)
    try:
        yield
    finally:
        for name in NAMES:
            logging.getLogger(name).removeHandler(handler)
