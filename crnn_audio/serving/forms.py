"""Uploads: the fields of a multipart form and its recording, which is in memory or, if large, in a temporary file."""

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Hashable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from fastapi import Request
from starlette.datastructures import FormData, UploadFile

from crnn_audio import audio, files
from crnn_audio.errors import CrnnAudioError, DataError
from crnn_audio.serving.refusals import Refusal, invalid
from crnn_audio.serving.work import Pool, Work

SMALL = 2 * 2**20
"""Bytes of a recording that is kept in memory and may share a batch."""
MAX_JSON = 8 * 2**20
MAX_FIELDS, MAX_FIELD = 100, 2**16


@dataclass(frozen=True)
class Upload:
    """A recording, by the name that its client gave it, and the other fields of its form."""

    source: bytes | Path
    name: str
    form: FormData

    def get(self, field: str, default: str = "") -> str:
        """A field's text; the last of several."""
        value = self.form.get(field, default)
        return value if isinstance(value, str) else default

    def all(self, field: str) -> list[str]:
        """All texts of a field, with or without the brackets that OpenAI's client appends to its name."""
        return [one for name in (field, f"{field}[]") for one in self.form.getlist(name) if isinstance(one, str)]

    async def computed(self, workers: Pool, work: Work, group: Hashable) -> Any:
        """The recording's result of a function of several; small ones of a group are computed together.

        Raises:
            Refusal: it cannot be read, or there is too much to do.
        """
        try:
            return await workers.submit(work, self.source, group if isinstance(self.source, bytes) else None)
        except CrnnAudioError as error:
            raise self.error(error) from None

    def error(self, error: CrnnAudioError) -> Refusal:
        """An error of the recording, under its client's name for it."""
        message = str(error).replace(f"{audio.name_of(self.source)}: ", f"{self.name}: ", 1)
        return invalid(message, "file", "invalid_audio" if isinstance(error, DataError) else None)


@asynccontextmanager
async def upload(request: Request) -> AsyncIterator[Upload]:
    """The form of a request; its temporary file is removed afterwards.

    Raises:
        Refusal: it is no such form, has no recording, or there is no room to keep it.
    """
    async with request.form(max_files=1, max_fields=MAX_FIELDS, max_part_size=MAX_FIELD) as form:
        file = form.get("file")
        if not isinstance(file, UploadFile):
            raise invalid("The form (multipart/form-data) has no field 'file' with a recording.", "file")
        name = (file.filename or "upload")[:100]
        if (file.size or 0) <= SMALL:
            yield Upload(await file.read(), name, form)
            return
        with tempfile.NamedTemporaryFile(prefix="crnn-audio-") as kept:
            try:
                await asyncio.to_thread(_copy, file.file, kept)
            except OSError as error:
                raise Refusal(507, f"The recording cannot be kept ({error.strerror}).", "no_room") from None
            yield Upload(Path(kept.name), name, form)


def _copy(file: Any, kept: Any) -> None:
    file.seek(0)
    shutil.copyfileobj(file, kept)
    kept.flush()


async def json_object(request: Request) -> dict[str, Any]:
    """The JSON object in the body of a request.

    Raises:
        Refusal: it is none.
    """
    body = b""
    async for part in request.stream():
        body += part
        if len(body) > MAX_JSON:
            raise Refusal(
                413, f"The body is larger than {MAX_JSON / 2**20:g} MiB, the most of a JSON request.", "too_large"
            )
    try:
        value = files.parse_json(body)
    except ValueError as error:
        raise invalid(f"The body is not JSON: {error}.") from None
    if not isinstance(value, dict):
        raise invalid("The body should be a JSON object.")
    return value
