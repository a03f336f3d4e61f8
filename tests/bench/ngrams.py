"""N-gram scores inside the beam against KenLM's reader: python -m tests.bench.ngrams --kenlm PYTHON.

A trigram of words of tinyshakespeare (all but its last 1,000 sentences) is written as ARPA; these sentences, of which a
part of the words is unknown, are scored by the table that the beam looks up, and by KenLM from the file. PYTHON is a
Python in which `kenlm` or `flashlight-text` is installed; the wheels of the latter hold KenLM.
"""

import argparse
import json
import math
import os
import subprocess
import tempfile
import time
from pathlib import Path

import torch

from crnn_audio.decoding.beam.ngrams import UNKNOWN_ID, NGramTable
from crnn_audio.text import arpa
from crnn_audio.text.ngram import NGram
from crnn_audio.text.ngram_counts import END_ID

ORDER, SENTENCES = 3, 1000
THEIRS = """
import json, sys
path, lines = sys.argv[1], [line.split() for line in sys.stdin.read().splitlines()]
try:
    import kenlm
    model, reader = kenlm.Model(path), "kenlm"
    scores = [model.score(" ".join(words), bos=True, eos=True) for words in lines]
except ImportError:
    from flashlight.lib.text.decoder.kenlm import KenLM
    from flashlight.lib.text.dictionary import Dictionary
    words = Dictionary()
    for word in sorted({word for line in lines for word in line}):
        words.add_entry(word)
    model, reader, scores = KenLM(path, words), "flashlight-text", []
    for line in lines:
        state, total = model.start(False), 0.0
        for word in line:
            state, score = model.score(state, words.get_index(word))
            total += score
        scores.append(total + model.finish(state)[1])
print(json.dumps({"reader": reader, "scores": scores}))
"""


def main() -> None:
    """Prints the largest difference of a sentence's decimal logarithm."""
    arguments = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    arguments.add_argument("--kenlm", required=True, metavar="PYTHON")
    asked = arguments.parse_args()
    text = (Path(os.environ["CRNN_AUDIO_DATA"]) / "tinyshakespeare" / "input.txt").read_text(encoding="utf-8")
    lines = [line.split() for line in text.splitlines() if line.strip()]
    model = NGram.train(lines[:-SENTENCES], order=ORDER)
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "words.arpa"
        arpa.write(model, path)
        begin = time.process_time()
        ours = scores(NGramTable(arpa.read(path)), arpa.read(path).tokens, lines[-SENTENCES:])
        seconds = time.process_time() - begin
        spoken = "\n".join(" ".join(line) for line in lines[-SENTENCES:])
        command = [asked.kenlm, "-c", THEIRS, str(path)]
        done = subprocess.run(command, input=spoken, capture_output=True, text=True, check=True)
    theirs = json.loads(done.stdout)
    differences = [abs(one - other) for one, other in zip(ours, theirs["scores"], strict=True)]
    found = {"sentences": len(ours), "reader": theirs["reader"], "largest difference": max(differences)}
    print(json.dumps(found | {"mean log10": sum(ours) / len(ours), "cpu seconds": round(seconds, 2)}))


def scores(table: NGramTable, tokens: tuple[str, ...], lines: list[list[str]]) -> list[float]:
    """The decimal logarithm of each sentence, its end included."""
    number = {token: id for id, token in enumerate(tokens)}
    found = []
    for line in lines:
        state, total = torch.tensor([table.start]), 0.0
        for id in [*(number.get(word, UNKNOWN_ID) for word in line), END_ID]:
            log_probs, state = table.look_up(state, torch.tensor([id]))
            total += float(log_probs)
        found.append(total / math.log(10))
    return found


if __name__ == "__main__":
    main()
