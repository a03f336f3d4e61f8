"""What a composer can do: `python -m tests.bench.music MODEL` asks it for pieces and judges them.

Of chorales ten dev sopranos are harmonised, and the lower voices compared with Bach's; of tunes a hundred are asked for
in 6/8 in G. Ten pieces are read back by music21, mido and, if it is installed, MuseScore, and set beside ten of dev.
With `--record` all this goes beside the recipe, with a picture of the first piece, and into recipes/README.md.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crnn_audio import files
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.evaluation import results
from crnn_audio.inference.music.composer import Composer
from crnn_audio.inference.music.prompts import Prompt
from crnn_audio.metrics.cadences import endings
from crnn_audio.metrics.comparison import Comparison, compare
from crnn_audio.problems import Data, music
from crnn_audio.problems.restore import load, restore
from crnn_audio.symbolic import chorale_tokens, pianoroll, plotting
from crnn_audio.symbolic.score import Score
from crnn_audio.training.directory import code_version

RECIPES = Path(__file__).resolve().parents[2] / "recipes"
PIECES = 10
LOWER = ("alto", "tenor", "bass")


def harmonised(composer: Composer, data: Data, count: int, sampling: Sampling) -> dict[str, Any]:
    """Sopranos of dev with new lower voices; agreement is the share of lower voices' sixteenths with Bach's pitch."""
    pieces = [tune.score for tune in data.items["dev"][:count]]
    agree, total, kept, nats, cells = 0, 0, 0, 0.0, 0
    for piece in pieces:
        soprano = Score(
            piece.parts[:1],
            time_signatures=piece.time_signatures,
            keys=piece.keys,
            pickup=piece.pickup,
            tempo=piece.tempo,
        )
        found = composer.generate(keep={"soprano": soprano}, sampling=sampling).score
        kept += found.parts[0].notes == piece.parts[0].notes
        for ours, bachs in zip(found.parts[1:], piece.parts[1:], strict=True):
            same = _pitches(ours.notes, piece.end) == _pitches(bachs.notes, piece.end)
            agree, total = agree + int(same.sum()), total + same.size
        likelihood = composer.score(piece, given=("soprano",))
        columns = [chorale_tokens.COLUMNS.index(name) for name in LOWER]
        nats += float(likelihood.nats[:, columns].sum())
        cells += len(columns) * len(likelihood.nats)
    return {
        "sopranos": len(pieces),
        "kept": kept,
        "agreement": agree / total,
        "bach_nats_per_note": nats / cells,
        "temperature": sampling.temperature,
    }


def _pitches(notes: Any, quarters: float) -> np.ndarray:
    """What sounds at each sixteenth, 0 for nothing."""
    roll = pianoroll.from_notes(notes, 4, round(4 * quarters))
    return np.where(roll.any(axis=1), roll.argmax(axis=1) + pianoroll.LOWEST, 0)


def asked(composer: Composer, count: int, sampling: Sampling) -> dict[str, Any]:
    """Tunes in 6/8 in G: how many fill their bars and end on the tonic's chord."""
    condition = {"key": "G", "metre": "6/8"}
    pieces = composer.generate_many(count, Prompt(condition=condition), sampling)
    ends = [endings(piece.score) for piece in pieces]
    good = sum(piece.ended and one.full == one.on_tonic_chord == 1 for piece, one in zip(pieces, ends, strict=True))
    return {"tunes": count, "full_and_on_tonic": good, "condition": condition, "temperature": sampling.temperature}


def read_back(composer: Composer, count: int, sampling: Sampling) -> dict[str, int]:
    """How many of these pieces open with all their notes in music21 and mido, and in MuseScore if it is installed."""
    import mido
    import music21

    def sounding(path: Path) -> int:
        return sum(message.type == "note_on" and message.velocity > 0 for message in mido.MidiFile(path))

    opened = {"pieces": count, "music21": 0, "mido": 0}
    program = next((name for name in ("mscore3", "mscore", "mscore4") if shutil.which(name)), None)
    opened |= {"musescore_midi": 0, "musescore_musicxml": 0} if program else {}
    with tempfile.TemporaryDirectory() as folder:
        for place, piece in enumerate(composer.generate_many(count, sampling=sampling)):
            path, notes = Path(folder) / f"{place}.mid", len(piece.score.notes)
            sheet, back = path.with_suffix(".musicxml"), Path(folder) / "back.mid"
            piece.save(path)
            piece.save(sheet)
            opened["mido"] += sounding(path) == notes
            opened["music21"] += len(music21.converter.parse(sheet).stripTies().flatten().pitches) == notes
            if program:
                for name, source in (("musescore_midi", path), ("musescore_musicxml", sheet)):
                    converted(program, source, back)
                    opened[name] += sounding(back) == notes
    return opened


def converted(program: str, source: Path, target: Path) -> None:
    """Through MuseScore's own importer."""
    environment = {**os.environ, "QT_QPA_PLATFORM": "offscreen"}
    subprocess.run([program, "-o", target, source], check=True, capture_output=True, env=environment, timeout=120)


def facts(found: dict[str, Any]) -> list[str]:
    """What else was found, in sentences."""
    read = found["read_back"]
    scores = f", {read['musescore_midi']} as MIDI and {read['musescore_musicxml']} as MusicXML in MuseScore"
    lines = [
        f"Of {read['pieces']} pieces {read['music21']} open in music21 (MusicXML), {read['mido']} in mido (MIDI)"
        f"{scores if 'musescore_midi' in read else ''}, with all their notes."
    ]
    if harmony := found.get("harmonised"):
        lines += [
            f"{harmony['sopranos']} dev sopranos harmonised at temperature {harmony['temperature']:g}: "
            f"{harmony['kept']} stand note for note; of the sixteenths of the lower voices "
            f"{100 * harmony['agreement']:.1f} % have Bach's pitch. Bach's own lower voices cost the model "
            f"{harmony['bach_nats_per_note']:.3f} nats a voice and sixteenth."
        ]
    if tunes := found.get("asked"):
        lines += [
            f"Of {tunes['tunes']} tunes asked for in {tunes['condition']['metre']} in {tunes['condition']['key']} at "
            f"temperature {tunes['temperature']:g}, {tunes['full_and_on_tonic']} fill their bars and end on the "
            "tonic's chord."
        ]
    return lines


def record(
    composer: Composer, chosen: argparse.Namespace, found: dict[str, Any], comparison: Comparison, first: Score
) -> Path:
    """Writes what was found beside the recipe, with a picture of the first piece, and the tables anew; the file."""
    folder = RECIPES / Path(composer.run.facts["recipe"]).parent.name
    plotting.plot(first, folder / "written.png")
    options = "".join(
        f" --{name.replace('_', '-')} {value:g}"
        for name in ("temperature", "top_p")
        if (value := getattr(chosen, name)) is not None
    )
    entry = {
        "model": chosen.model,
        "table": [line for line in comparison.rows() if any(line[1:])],
        "facts": facts(found),
        "caption": f"The first piece of {chosen.model}",
        "picture": f"{folder.name}/written.png",
        "command": f"python -m tests.bench.music {chosen.model}{options} --record",
        **code_version(),
        "device": "cpu",
        "threads": 1,
        "date": datetime.now(UTC).date().isoformat(),
    }
    files.write_text(folder / "written.json", json.dumps(entry, indent=1) + "\n")
    results.write_tables(RECIPES)
    return folder / "written.json"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.music", description=__doc__)
    parser.add_argument("model", help="a run directory or a zoo name")
    parser.add_argument("--num", type=int, help="sopranos (10) or tunes (100)")
    parser.add_argument("--temperature", type=float, help="by default that of the model, as top-p")
    parser.add_argument("--top-p", type=float)
    parser.add_argument(
        "--record", action="store_true", help="write recipes/*/written.json, the picture and the tables"
    )
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    composer = load(chosen.model, "music", device="cpu")
    data = music.data(restore(composer.run).recipe)
    given = {name: value for name in ("temperature", "top_p") if (value := getattr(chosen, name)) is not None}
    sampling = replace(composer.sampling, seed=1, **given)
    found: dict[str, Any] = {"model": chosen.model, "read_back": read_back(composer, PIECES, sampling)}
    if composer.kind == "chorale":
        found["harmonised"] = harmonised(composer, data, chosen.num or 10, sampling)
    else:
        found["asked"] = asked(composer, chosen.num or 100, sampling)
    like, training = data.items["dev"][:PIECES], data.items["train"]
    pieces = music.generated_like(composer, like, sampling)
    comparison = compare(pieces, *([tune.score for tune in of] for of in (like, training)))
    print(json.dumps(found, indent=1))
    print(*comparison.lines(), sep="\n")
    if chosen.record:
        print(f"Recorded in {record(composer, chosen, found, comparison, pieces[0])}.", file=sys.stderr)


if __name__ == "__main__":
    main()
