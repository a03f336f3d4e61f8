"""Sound encoded by PyAV, in formats that soundfile does not write."""

import io

import numpy as np
import pytest

RATE = 16000


def encoded(
    samples: np.ndarray | None,
    container: str,
    codec: str,
    rate: int,
    *,
    bit_rate: int | None = None,
    source_rate: int = RATE,
    options: dict[str, str] | None = None,
    video: bool = False,
    delay: float = 0.0,
) -> bytes:
    """Samples (S, C) as a file of that container and codec, at `rate`; with pictures, and `delay` seconds later."""
    av = pytest.importorskip("av")
    file = io.BytesIO()
    with av.open(file, "w", format=container) as output:
        pictures = output.add_stream("mpeg4", rate=5, width=16, height=16, pix_fmt="yuv420p") if video else None
        if samples is not None:
            layout = "mono" if samples.shape[1] == 1 else "stereo"
            stream = output.add_stream(codec, rate=rate, layout=layout, options=options or {})
            if bit_rate:
                stream.bit_rate = bit_rate
        if pictures:
            for number in range(5):
                picture = av.VideoFrame(16, 16, "yuv420p")
                picture.pts = number
                output.mux(pictures.encode(picture))
            output.mux(pictures.encode(None))
        if samples is not None:
            frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(samples.T, np.float32), "fltp", layout)
            frame.rate = source_rate
            resampler = av.AudioResampler(
                stream.codec_context.format, layout, rate, frame_size=stream.codec_context.frame_size or None
            )
            pts = round(delay * rate)
            for piece in [*resampler.resample(frame), *resampler.resample(None)]:
                piece.pts = pts
                pts += piece.samples
                output.mux(stream.encode(piece))
            output.mux(stream.encode(None))
    return file.getvalue()
