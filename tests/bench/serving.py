"""A server under load and misuse, in a process of its own: `python -m tests.bench.serving load|misuse`.

`load`: live streams of real-time speech beside clients that upload files; texts against `stream`, delays of partial
texts, memory. `misuse`: slow, endless, broken and random requests beside a good client; what each is answered, and what
the server holds afterwards.
"""

import argparse
import asyncio
import json
import random
import re
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path

import httpx2
import numpy as np
import soundfile
from websockets.asyncio.client import connect

from crnn_audio.serving.models import open_model

ROOT = Path(__file__).resolve().parents[2]
RATE = 16000
BLOCK = RATE // 10
MOST_GROWN = 16
"""MiB that a server may hold more at the end than after a third of the load, or after the first round of misuse."""


@dataclass
class Server:
    """A server's process and address; its log is in a file."""

    process: subprocess.Popen[str]
    port: int
    log: Path

    @property
    def http(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    def held(self) -> dict[str, int]:
        """Its memory in MiB, descriptors and threads."""
        status = Path(f"/proc/{self.process.pid}/status").read_text()
        figures = {name: int(re.search(rf"{name}:\s+(\d+)", status)[1]) for name in ("VmRSS", "Threads")}
        descriptors = len(list(Path(f"/proc/{self.process.pid}/fd").iterdir()))
        return {"MiB": figures["VmRSS"] // 1024, "threads": figures["Threads"], "descriptors": descriptors}


@contextmanager
def serving(*options: str) -> Iterator[Server]:
    log = Path(tempfile.mkdtemp(prefix="crnn_audio_serving_")) / "log"
    with log.open("w") as file:
        command = [sys.executable, "-m", "crnn_audio", "serve", "an4", "an4_streaming", "--port", "0", *options]
        process = subprocess.Popen(command, cwd=ROOT, stderr=file, text=True)
    try:
        while not (found := re.search(r"http://127.0.0.1:(\d+)/", log.read_text())):
            assert process.poll() is None, log.read_text()
            time.sleep(0.1)
        yield Server(process, int(found[1]), log)
    finally:
        process.terminate()
        print(f"ended with {process.wait(60)}; tracebacks in its log: {log.read_text().count('Traceback')}")


def talk(seconds: float, seed: int) -> np.ndarray:
    """Utterances with pauses between them, 16-bit samples."""
    generator = np.random.default_rng(seed)
    files = sorted((ROOT / "data" / "tiny" / "train").glob("*.flac"))
    parts, size = list[np.ndarray](), 0
    while size < seconds * RATE:
        samples, _ = soundfile.read(files[generator.integers(len(files))], dtype="int16")
        pause = (40 * generator.standard_normal(round(generator.uniform(0.4, 1.6) * RATE))).astype(np.int16)
        parts += [samples, pause]
        size += len(samples) + len(pause)
    return np.concatenate(parts)[: round(seconds * RATE)]


@dataclass
class Said:
    """What a stream said, and the seconds that each new text came after its sound."""

    texts: list[str] = field(default_factory=list)
    delays: list[float] = field(default_factory=list)


async def stream(server: Server, samples: np.ndarray, wait: float) -> Said:
    """One client in real time."""
    await asyncio.sleep(wait)
    said, sent, shown = Said(), list[float](), ""
    async with connect(f"ws://127.0.0.1:{server.port}/", ping_interval=None) as socket:

        async def listen() -> None:
            nonlocal shown
            for place in range(-(-len(samples) // BLOCK)):
                reply = json.loads(await socket.recv())
                text = reply.get("partial", reply.get("text", ""))
                if text and text != shown:
                    said.delays.append(time.monotonic() - sent[place])
                shown = text
                said.texts.append(reply.get("text", ""))

        listening = asyncio.create_task(listen())
        begun = time.monotonic()
        for place, start in enumerate(range(0, len(samples), BLOCK)):
            await asyncio.sleep(max(begun + (place + 1) * BLOCK / RATE - time.monotonic(), 0))
            sent.append(time.monotonic())
            await socket.send(samples[start : start + BLOCK].tobytes())
        await listening
        await socket.send('{"eof" : 1}')
        said.texts.append(json.loads(await socket.recv())["text"])
    return said


async def uploads(server: Server, end: float, answers: Counter[int]) -> None:
    """One client that uploads one file after the other."""
    files = [path.read_bytes() for path in sorted((ROOT / "data" / "tiny" / "train").glob("*.flac"))]
    async with httpx2.AsyncClient(timeout=60) as client:
        while time.monotonic() < end:
            content = random.choice(files)
            done = await client.post(f"{server.http}/inference", files={"file": content})
            answers[done.status_code] += 1
            await asyncio.sleep(0.2)


async def load(num_streams: int, seconds: float, num_clients: int) -> bool:
    talks = [talk(seconds, seed) for seed in range(num_streams)]
    with serving() as server:
        stop, answers = time.monotonic() + seconds, Counter[int]()
        clients = [asyncio.create_task(uploads(server, stop, answers)) for _ in range(num_clients)]
        streams = [asyncio.create_task(stream(server, one, 0.1 * place)) for place, one in enumerate(talks)]
        held = []
        while time.monotonic() < stop:
            await asyncio.sleep(min(15, seconds / 4))
            held.append(server.held())
            print(held[-1], flush=True)
        said = await asyncio.gather(*streams)
        await asyncio.gather(*clients)
    delays = np.sort(np.concatenate([one.delays for one in said]))
    within = float((delays <= 0.5).mean())
    middle, most, longest = (1000 * np.quantile(delays, part) for part in (0.5, 0.95, 1))
    print(f"{num_streams} streams of {seconds:g} s beside {num_clients} clients that upload ({dict(answers)})")
    print(f"{len(delays)} new texts: {100 * within:.2f} % within 500 ms of their sound")
    print(f"their delays: median {middle:.0f} ms, 95 % {most:.0f} ms, longest {longest:.0f} ms")
    third, end = held[len(held) // 3]["MiB"], held[-1]["MiB"]
    print(f"memory: {third} MiB after a third, {end} MiB at the end", flush=True)
    recognizer, equal = open_model("an4_streaming", "cpu"), 0
    for one, samples in zip(said, talks, strict=True):
        with recognizer.stream(RATE) as offline:
            finals = [*offline.feed(samples.astype(np.float32) / 32768).finals, *offline.flush().finals]
        equal += " ".join(filter(None, one.texts)) == " ".join(final.text for final in finals)
    print(f"texts equal to those of `stream`: {equal} of {num_streams}")
    return equal == num_streams and within >= 0.95 and set(answers) == {200} and end - third <= MOST_GROWN


HEAD = b"POST /inference HTTP/1.1\r\nHost: here\r\nContent-Type: multipart/form-data; boundary=x\r\n"


async def raw(server: Server, content: bytes, *, slowly: bool = False, hang_up: bool = False) -> str:
    """The status that a server answers bytes with, sent at once or one a second."""
    reader, writer = await asyncio.open_connection("127.0.0.1", server.port)
    reading = asyncio.create_task(reader.read(100))
    try:
        for place in range(len(content)) if slowly else (None,):
            writer.write(content if place is None else content[place : place + 1])
            await writer.drain()
            if slowly:
                await asyncio.wait([reading], timeout=1.0)
                if reading.done():
                    return reading.result()[9:12].decode() or "closed"
        if hang_up:
            return "left"
        return (await asyncio.wait_for(reading, 40))[9:12].decode() or "closed"
    except (TimeoutError, ConnectionError) as error:  # an answer may have come before the connection was closed
        answered = reading.done() and reading.exception() is None
        return reading.result()[9:12].decode() if answered else type(error).__name__
    finally:
        reading.cancel()
        writer.close()


def form(content: bytes) -> bytes:
    part = b'--x\r\nContent-Disposition: form-data; name="file"; filename="a.wav"\r\n\r\n' + content + b"\r\n--x--\r\n"
    return HEAD + b"Content-Length: %d\r\n\r\n" % len(part) + part


def broken(count: int, seed: int) -> Iterator[bytes]:
    """Recordings with bytes changed, cut and doubled."""
    generator = np.random.default_rng(seed)
    files = [path.read_bytes() for path in sorted((ROOT / "data" / "tiny" / "train").glob("*.flac"))]
    for _ in range(count):
        content = bytearray(files[generator.integers(len(files))])
        for place in generator.integers(0, len(content), generator.integers(1, 60)):
            content[place] = generator.integers(256)
        yield bytes(content[: generator.integers(1, len(content))] if generator.random() < 0.5 else content)


METHODS = ("GET", "POST", "PUT", "BREW", "GET /x")
PATHS = ("/", "/inference", "/v1/models", "/v1/generate", "/v1/realtime", "/%ff", "/" + "a" * 3000)
HEADERS = (
    "Host: a", "Content-Length: 5", "Content-Length: x", "Transfer-Encoding: chunked", "Upgrade: websocket",
    "Connection: upgrade", "Content-Type: application/json", "Expect: 100-continue", "Origin: null",
)  # fmt: skip


def randomly(count: int, seed: int) -> Iterator[bytes]:
    """Requests of random methods, paths, headers and bytes."""
    generator = random.Random(seed)
    for _ in range(count):
        head = f"{generator.choice(METHODS)} {generator.choice(PATHS)} HTTP/{generator.choice(['1.0', '1.1', '9'])}"
        lines = [head, *generator.sample(HEADERS, generator.randrange(5)), "", ""]
        yield "\r\n".join(lines).encode() + generator.randbytes(generator.randrange(40))


async def misuse(rounds: int) -> bool:
    """The same misuse round after round: what the server holds does not grow after the first.

    Threads that write large uploads to a file are begun in the first round, and kept.
    """
    with serving("--max-upload", "20") as server:
        held = [await settled(server)]
        print(f"before: {held[0]}")
        good = Counter[int]()
        for number in range(rounds):
            answers = await misused(server, number, good)
            held.append(await settled(server))
            for name, found in answers.items() if number == 0 else ():
                print(f"{name}: {dict(found)}")
            print(f"after round {number + 1}: {held[-1]}; the good client so far: {dict(good)}", flush=True)
    grown = held[-1]["MiB"] - held[1]["MiB"]
    closed = held[-1]["descriptors"] <= held[0]["descriptors"] + 2
    level = held[-1]["threads"] <= held[1]["threads"] + 1
    return set(good) == {200} and closed and level and grown <= MOST_GROWN


async def misused(server: Server, seed: int, good: Counter[int]) -> dict[str, Counter[str]]:
    """How each kind of misuse is answered."""
    client = asyncio.create_task(uploads(server, time.monotonic() + 40, good))
    slow = [asyncio.create_task(raw(server, HEAD * 99, slowly=True)) for _ in range(200)]
    kinds = {
        "2 GB announced": [HEAD + b"Content-Length: 2000000000\r\n\r\n" + bytes(100_000)] * 10,
        "wrong length": [form(b"abc").replace(b"Length: 8", b"Length: 7")] * 10,
        "100 broken recordings": [form(one) for one in broken(100, seed)],
        "1,000 random requests": list(randomly(1000, seed)),
    }
    answers = {name: Counter(await several(server, contents)) for name, contents in kinds.items()}
    begun = form(b"").partition(b"\r\n\r\n")[2].partition(b"--x--")[0]
    chunks = b"%x\r\n%b\r\n" % (len(begun), begun) + (b"100000\r\n" + bytes(2**20) + b"\r\n") * 30
    endless = HEAD + b"Transfer-Encoding: chunked\r\n\r\n" + chunks
    answers["chunked for ever"] = Counter(await several(server, [endless] * 5))
    cut = await asyncio.gather(*[raw(server, form(bytes(9999))[:500], hang_up=True) for _ in range(100)])
    answers["cut off"] = Counter(cut)
    answers["200 connections of a byte a second"] = Counter(await asyncio.gather(*slow))
    await client
    return answers


async def several(server: Server, contents: list[bytes]) -> list[str]:
    found = list[str]()
    for start in range(0, len(contents), 250):
        found += await asyncio.gather(*[raw(server, one) for one in contents[start : start + 250]])
    return found


async def settled(server: Server) -> dict[str, int]:
    """What the server holds, after an upload and some seconds of rest."""
    async with httpx2.AsyncClient(timeout=60) as client:
        file = (ROOT / "data" / "tiny" / "train" / "train-0000.flac").read_bytes()
        await asyncio.gather(*[client.post(f"{server.http}/inference", files={"file": file}) for _ in range(8)])
    await asyncio.sleep(12)
    return server.held()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", choices=["load", "misuse"])
    parser.add_argument("--streams", type=int, default=30)
    parser.add_argument("--seconds", type=float, default=180)
    parser.add_argument("--clients", type=int, default=4)
    parser.add_argument(
        "--rounds", type=int, default=4, help="of misuse, two at the least; others are compared with the first"
    )
    given = parser.parse_args()
    if given.rounds < 2:
        parser.error("--rounds is at least 2: what the server holds is compared with the first.")
    job = load(given.streams, given.seconds, given.clients) if given.what == "load" else misuse(given.rounds)
    sys.exit(0 if asyncio.run(job) else 1)


if __name__ == "__main__":
    main()
