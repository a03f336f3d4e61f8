"""Decodes recordings with sherpa-onnx, in a Python that has it: `python tests/bench/sherpa.py FOLDER PADDING < paths`.

Prints a JSON object: seconds of CPU, and of each recording tokens and times. PADDING is the silence, in seconds, that
follows each recording of a streaming model, which decodes whole chunks alone; for an offline one write "offline".
"""

import json
import sys
import time
from pathlib import Path

import numpy as np
import sherpa_onnx
import soundfile


def main(folder: str, padding: str) -> None:
    files = {"model": f"{folder}/model.onnx", "tokens": f"{folder}/tokens.txt", "num_threads": 1}
    sounds = [soundfile.read(path, dtype="float32") for path in sys.stdin.read().splitlines()]
    if padding == "offline":
        recognizer = sherpa_onnx.OfflineRecognizer.from_zipformer_ctc(**files)
        decode = offline
    else:
        recognizer = sherpa_onnx.OnlineRecognizer.from_zipformer2_ctc(**files)
        decode = online
        sounds = [(np.pad(sound, (0, round(float(padding) * rate))), rate) for sound, rate in sounds]
    decode(recognizer, *sounds[0])
    began = time.process_time()
    found = [decode(recognizer, *sound) for sound in sounds]
    print(json.dumps({"cpu": time.process_time() - began, "found": found, "version": sherpa_onnx.__version__}))


def offline(recognizer: sherpa_onnx.OfflineRecognizer, sound: np.ndarray, rate: int) -> tuple[list[str], list[float]]:
    stream = recognizer.create_stream()
    stream.accept_waveform(rate, sound)
    recognizer.decode_stream(stream)
    return list(stream.result.tokens), list(stream.result.timestamps)


def online(recognizer: sherpa_onnx.OnlineRecognizer, sound: np.ndarray, rate: int) -> tuple[list[str], list[float]]:
    stream = recognizer.create_stream()
    for begin in range(0, len(sound), 1600):
        stream.accept_waveform(rate, sound[begin : begin + 1600])
        while recognizer.is_ready(stream):
            recognizer.decode_stream(stream)
    return list(recognizer.tokens(stream)), list(recognizer.timestamps(stream))


if __name__ == "__main__":
    main(sys.argv[1], *(sys.argv[2:] or ["offline" if "live" not in Path(sys.argv[1]).name else "1.0"]))
