"""What a composer can do: `python -m tests.bench.music MODEL` asks it for pieces and judges them.

Of chorales ten dev sopranos are harmonised, and the lower voices compared with Bach's; of tunes a hundred are asked for
in 6/8 in G. Ten pieces are read back by music21 and mido.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import numpy as np
import torch

from crnn_audio import build
from crnn_audio.decoding.sampling import Sampling
from crnn_audio.inference.composer import Composer
from crnn_audio.inference.load import load_composer
from crnn_audio.metrics.cadences import endings
from crnn_audio.metrics.music import figures
from crnn_audio.symbolic import chorales, pianoroll
from crnn_audio.symbolic.score import Score

LOWER = ("alto", "tenor", "bass")


def harmonised(composer: Composer, count: int, sampling: Sampling) -> dict[str, Any]:
    """Sopranos of dev with new lower voices; agreement is the share of lower voices' sixteenths with Bach's pitch."""
    pieces = [tune.score for tune in build.music(composer.run.events).splits["dev"][:count]]
    agree, total, kept, nats, cells = 0, 0, 0, 0.0, 0
    for piece in pieces:
        soprano = Score(piece.parts[:1], metres=piece.metres, keys=piece.keys, pickup=piece.pickup, tempo=piece.tempo)
        found = composer.generate(keep={"soprano": soprano}, sampling=sampling).score
        kept += found.parts[0].notes == piece.parts[0].notes
        for ours, bachs in zip(found.parts[1:], piece.parts[1:], strict=True):
            same = _pitches(ours.notes, piece.end) == _pitches(bachs.notes, piece.end)
            agree, total = agree + int(same.sum()), total + same.size
        likelihood = composer.score(piece, given=("soprano",))
        columns = [chorales.COLUMNS.index(name) for name in LOWER]
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
    pieces = composer.generate_many(count, condition=condition, sampling=sampling)
    ends = [endings(piece.score) for piece in pieces]
    good = sum(piece.ended and one.full == one.on_tonic_chord == 1 for piece, one in zip(pieces, ends, strict=True))
    return {"tunes": count, "full_and_on_tonic": good, "condition": condition, "temperature": sampling.temperature}


def read_back(composer: Composer, count: int, sampling: Sampling) -> dict[str, int]:
    """How many of these pieces open in music21 and in mido with all their notes."""
    import mido
    import music21

    opened = {"pieces": count, "music21": 0, "mido": 0}
    with tempfile.TemporaryDirectory() as folder:
        for place, piece in enumerate(composer.generate_many(count, sampling=sampling)):
            path, notes = Path(folder) / f"{place}.mid", len(piece.score.notes)
            piece.save(path)
            heard = [message for message in mido.MidiFile(path) if message.type == "note_on" and message.velocity]
            opened["mido"] += len(heard) == notes
            piece.save(path.with_suffix(".musicxml"))
            parsed = music21.converter.parse(path.with_suffix(".musicxml")).stripTies()
            opened["music21"] += len(parsed.flatten().notes) == notes
    return opened


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.music", description=__doc__)
    parser.add_argument("model", help="a run directory or a zoo name")
    parser.add_argument("--num", type=int, help="sopranos (10) or tunes (100)")
    parser.add_argument("--temperature", type=float, default=1.0)
    parser.add_argument("--top-p", type=float, default=1.0)
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    composer = load_composer(chosen.model, device="cpu")
    sampling = Sampling(temperature=chosen.temperature, top_p=chosen.top_p, seed=1)
    found: dict[str, Any] = {"model": chosen.model, "read_back": read_back(composer, 10, sampling)}
    if composer.kind == "chorale":
        found["harmonised"] = harmonised(composer, chosen.num or 10, sampling)
    else:
        found["asked"] = asked(composer, chosen.num or 100, sampling)
    found["rates"] = figures([piece.score for piece in composer.generate_many(10, sampling=sampling)]).rates
    print(json.dumps(found, indent=1))


if __name__ == "__main__":
    main()
