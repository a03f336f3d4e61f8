"""How quick live recognition is on one thread: the wait for text, the speed, the memory, and many streams at once.

The sound is the test split of the model's corpus, its utterances joined with the silences that they begin and end with,
over and over. It is fed as fast as it goes; no figure needs the clock of the sound.
"""

import gc
import itertools
import sys
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np

from crnn_audio import audio, runs
from crnn_audio.evaluation.evaluate import required
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.inference.speech.stream import Stream
from crnn_audio.problems.recognition import data
from crnn_audio.problems.restore import load, restore

SHIPPED = "an4_streaming"
NO_MODEL = f"streaming: no {SHIPPED} ships with this version, so this part needs --model with a one-directional run."
SHORT, LONG = 0.04, 0.1
"""Seconds of a block: short ones for a minute, long ones for the long stream and for many streams."""
STREAMS = 20


def shipped() -> str | None:
    """The zoo's model for streams, if there is one."""
    return SHIPPED if (runs.ZOO / SHIPPED).is_dir() else None


def figures(model: str, minutes: float) -> dict:
    """All that is measured, in seconds; `mib` are 2**20 bytes of resident memory.

    `blocks` are waits for the text of a block, from its last sample on. `mib` and `block` of `long_stream` are those at
    the end and in the course of its first `first` seconds (a minute, if it lasts two) and of its last ones.
    """
    recognizer = load(model, device="cpu")
    sound = _sound(recognizer)
    rate, seconds = recognizer.sample_rate, 60 * minutes
    for length in (SHORT, LONG):  # the first calls of a process are slow
        _fed(recognizer.stream(rate), itertools.islice(_blocks(sound, rate, length), 20), np.zeros(20))
    short = _waits(min(60.0, seconds), SHORT)
    _fed(recognizer.stream(rate), _blocks(sound, rate, SHORT), short)
    long, memory = _long_stream(recognizer, sound, seconds)
    rounds = _rounds(recognizer, sound, min(60.0, seconds))
    return {
        "model": model,
        "look_ahead": recognizer.task.look_ahead_ms / 1000,
        "blocks": [_spread(SHORT, short), _spread(LONG, long)],
        "long_stream": {"seconds": seconds, **memory},
        "many_streams": {"streams": STREAMS, **_spread(LONG, rounds, sound_seconds=STREAMS * LONG)},
    }


def _sound(recognizer: Recognizer) -> np.ndarray:
    """The test split as one waveform."""
    recipe = restore(recognizer.run).recipe
    parts = []
    for cut in required(data(recipe).items, "test", recipe.data.name):
        span = {} if cut.is_whole else {"start": cut.start, "duration": cut.duration}
        parts.append(audio.read(cut.recording.path, recognizer.sample_rate, **span)[0])
    return np.concatenate(parts)


def _blocks(sound: np.ndarray, rate: int, seconds: float, first: int = 0) -> Iterator[np.ndarray]:
    """Endless, from block `first` on; what is left after the last whole block of the sound is never fed."""
    size = round(rate * seconds)
    whole = sound[: len(sound) // size * size].reshape(-1, size)
    for index in itertools.count(first):
        yield whole[index % len(whole)]


def _waits(sound_seconds: float, block: float) -> np.ndarray:
    """Where to note the time of each block; written once, so that noting takes no memory later."""
    return np.full(max(round(sound_seconds / block), 2), np.nan)


def _fed(stream: Stream, blocks: Iterator[np.ndarray], waits: np.ndarray) -> int:
    """Feeds as many blocks as there are waits to note; the words that were recognised, which are kept nowhere."""
    words = 0
    for index in range(len(waits)):
        block = next(blocks)
        begun = time.perf_counter()
        result = stream.feed(block)
        waits[index] = time.perf_counter() - begun
        words += sum(len(final.words) for final in result.finals)
    return words


def _long_stream(recognizer: Recognizer, sound: np.ndarray, seconds: float) -> tuple[np.ndarray, dict]:
    """The waits for each block, and what memory and time came to in the first and in the last minute."""
    waits = _waits(seconds, LONG)
    first = min(60.0, seconds / 2)
    early = max(round(first / LONG), 1)
    blocks = _blocks(sound, recognizer.sample_rate, LONG)
    with recognizer.stream(recognizer.sample_rate) as stream:
        words, memory, begin = 0, [], 0
        for end in sorted({early, *range(early, len(waits), round(600 / LONG)), len(waits)}):
            words += _fed(stream, blocks, waits[begin:end])
            begin = end
            memory.append(resident_mib())
            held = "" if memory[-1] is None else f", {memory[-1]:.1f} MiB"
            print(f"streamed {end * LONG / 60:.1f} of {seconds / 60:.1f} minutes{held}", file=sys.stderr)
        words += sum(len(final.words) for final in stream.flush().finals)
    median = [float(np.median(part)) for part in (waits[:early], waits[-early:])]
    return waits, {"first": first, "mib": [memory[0], memory[-1]], "block": median, "words": words}


def resident_mib() -> float | None:
    """Memory that this process holds, without garbage; None where the system has no /proc."""
    gc.collect()
    status = Path("/proc/self/status")
    if not status.exists():
        return None
    (line,) = (line for line in status.read_text().splitlines() if line.startswith("VmRSS:"))
    return int(line.split()[1]) / 1024


def _rounds(recognizer: Recognizer, sound: np.ndarray, seconds: float) -> np.ndarray:
    """The time of each round in which every stream is fed a block; each one hears another place of the sound."""
    rate = recognizer.sample_rate
    apart = len(sound) // round(rate * LONG) // STREAMS
    feeds = [(recognizer.stream(rate), _blocks(sound, rate, LONG, first=number * apart)) for number in range(STREAMS)]
    times = _waits(seconds, LONG)
    for index in range(len(times)):
        begun = time.perf_counter()
        for stream, blocks in feeds:
            stream.feed(next(blocks))
        times[index] = time.perf_counter() - begun
    return times


def _spread(block: float, times: np.ndarray, sound_seconds: float | None = None) -> dict:
    """Of the times that one block, or one round of blocks, takes; `factor` is seconds of work a second of sound."""
    p50, p95 = (float(one) for one in np.percentile(times, [50, 95]))
    factor = float(times.mean()) / (sound_seconds or block)
    return {"block": block, "p50": p50, "p95": p95, "max": float(times.max()), "factor": factor, "speed": 1 / factor}


def lines(found: dict) -> Sequence[str]:
    """The figures for people."""
    long, many = found["long_stream"], found["many_streams"]
    early, late = (f"{1000 * one:.2f} ms" for one in long["block"])
    said = [f"streaming, {found['model']} (one thread), look-ahead {1000 * found['look_ahead']:.0f} ms"]
    for one in found["blocks"]:
        said.append(
            f"  blocks of {1000 * one['block']:.0f} ms: text after {_ms(one)}; "
            f"real-time factor {one['factor']:.4f} ({one['speed']:.0f} times real time)"
        )
    ends = f"the first {long['first']:.0f} s", f"{long['seconds'] / 60:g} minutes"
    if long["mib"][0] is None:
        said.append("  memory: read from /proc, which only Linux has")
    else:
        said.append(f"  memory: {long['mib'][0]:.1f} MiB after {ends[0]}, {long['mib'][1]:.1f} MiB after {ends[1]}")
    said.append(f"  a block: {early} in {ends[0]}, {late} in the last (medians); {long['words']} words recognised")
    said.append(
        f"  {many['streams']} streams: a round of {1000 * many['block']:.0f} ms of each takes {_ms(many)}; "
        f"real-time factor of all {many['factor']:.4f} ({many['speed']:.0f} times real time)"
    )
    return said


def _ms(one: dict) -> str:
    return f"{1000 * one['p50']:.1f} ms (p95 {1000 * one['p95']:.1f}, max {1000 * one['max']:.1f})"
