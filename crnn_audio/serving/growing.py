"""A transcript as server-sent events while its recording is read: text so far as it becomes certain, then the whole."""

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack

from crnn_audio import audio
from crnn_audio.decoding.paths import Path
from crnn_audio.errors import CrnnAudioError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech import transcription
from crnn_audio.inference.speech.channels import OneChannel
from crnn_audio.serving.forms import Upload
from crnn_audio.serving.models import Served
from crnn_audio.serving.refusals import Refusal
from crnn_audio.serving.service import Service
from crnn_audio.serving.transcripts import deltas, done, event

PAUSE = 0.5
"""Seconds between two texts at least: each is put together from all tokens so far."""


class Growing:
    """The transcript of one upload; an error of its beginning is an answer like others, a later one an event."""

    def __init__(self, service: Service, model: Served, given: Upload) -> None:
        self.service, self.model, self.given = service, model, given
        self._loop = asyncio.get_running_loop()
        self._texts = asyncio.Queue[str | None]()
        self._first: str | None = None
        self._sent_at = time.monotonic()
        self._job = asyncio.create_task(service.workers.run(self._transcribe))
        self._job.add_done_callback(lambda job: self._texts.put_nowait(None))

    async def begin(self) -> None:
        """Waits for the first text, or for the end.

        Raises:
            Refusal: the recording cannot be read, or there is too much to do.
        """
        try:
            self._first = await self._texts.get()
            if self._first is None:
                await self._job
        except CrnnAudioError as error:
            raise self.given.error(error) from None
        except asyncio.CancelledError:
            self._job.cancel()
            raise

    async def events(self, upload: AsyncExitStack) -> AsyncIterator[str]:
        """All events; the upload is let go at their end, or when the client has left."""
        text, sent = self._first, ""
        async with upload:
            try:
                while text is not None:
                    for one in deltas(sent, text):
                        yield one
                    sent, text = text, await self._texts.get()
                hypothesis = await self._job
                self.service.meters.audio.inc(hypothesis.seconds)
                for one in [*deltas(sent, hypothesis.text), done(hypothesis)]:
                    yield one
            except (CrnnAudioError, Refusal) as error:
                refusal = error if isinstance(error, Refusal) else self.given.error(error)
                yield event(refusal.body(""))
            finally:
                self._job.cancel()

    def _transcribe(self) -> Hypothesis:
        source = self.given.source
        with audio.opened(source, None) as sound:
            return transcription.transcribe_open(self.model.opened, sound, OneChannel(source), so_far=self._so_far)

    def _so_far(self, path: Path) -> None:
        """In the worker's thread.

        Raises:
            TimeoutError: nobody waits any more.
        """
        if self._job.done():
            raise TimeoutError("the client has left")
        if time.monotonic() - self._sent_at >= PAUSE and path.tokens:
            text = self.model.opened.hypothesis(path, 0.0).text
            self._loop.call_soon_threadsafe(self._texts.put_nowait, text)
            self._sent_at = time.monotonic()
