#!/usr/bin/env bash
# Builds the wheel, installs it alone with the core dependencies in a clean environment, and uses it far from the
# source tree: transcribes, streams and composes with the models that ship, lists and shows the packaged recipes, trains
# two steps, evaluates, transcribes.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."

uv=$PWD/.venv/bin/uv
tiny=$PWD/data/tiny
clean=$PWD/.venv-wheel
python=$clean/bin/python
program=$clean/bin/crnn-audio
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT

rm -rf dist
"$uv" build --quiet --wheel --no-build-isolation --python .venv/bin/python --out-dir dist
"$uv" venv --quiet --clear --python .venv/bin/python "$clean"
"$uv" pip install --quiet --python "$python" --compile-bytecode --constraints requirements.lock dist/*.whl

cd "$folder"
unset PYTHONPATH CRNN_AUDIO_DATA VIRTUAL_ENV

"$python" - "$clean" <<'PY'
import sys
from importlib.metadata import files
from importlib.util import find_spec
from pathlib import Path

import crnn_audio

extras = ["pytest", "beartype", "hatchling", "espeakng_loader", "tensorboard", "music21", "sentencepiece", "onnx", "av"]
present = [name for name in extras if find_spec(name)]
assert not present, f"not core dependencies, but installed: {present}"
assert Path(crnn_audio.__file__).is_relative_to(sys.argv[1]), f"not the wheel's package: {crnn_audio.__file__}"
held = {path.parts[0] for path in files("crnn-audio")}
assert held <= {"crnn_audio", f"crnn_audio-{crnn_audio.__version__}.dist-info", "..", "__pycache__"}, held
assert any(path.match("crnn_audio/recipes/*/*.yaml") for path in files("crnn-audio")), "the wheel holds no recipes"
PY

recording=$(find "$tiny" -name '*.wav' -o -name '*.flac' | sort | head -n 1)
test -n "$("$program" transcribe an4 "$recording")"
test -n "$("$program" stream an4_streaming "$recording")"
"$program" generate chorales --num 2 --bars 4 --out pieces
"$program" generate folk_tunes --num 2 --condition key=G --condition metre=6/8 --out pieces
test "$(find pieces -name '*.mid' -size +0 | wc -l)" = 4
test "$(find pieces -name '*.png' -size +0 | wc -l)" = 4

"$program" recipes
"$program" show tiny/lstm
"$program" train tiny/lstm --out run "data.root=$tiny" data.batch_seconds=3600 optim.max_epochs=2 # one batch an epoch
"$program" evaluate run --split test
"$program" transcribe run --format jsonl "$recording" | tee transcripts.jsonl
"$python" -c 'import json; (line,) = open("transcripts.jsonl"); assert json.loads(line)["seconds"] > 0'
echo "The wheel works alone: $(du -sh "$clean" | cut -f 1) in the clean environment."
