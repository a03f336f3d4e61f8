"""What a musician would look at in generated pieces: `python -m tests.bench.compositions MODEL`.

Prints, for so many pieces of the seeds from 0 on at the model's defaults, nothing picked, and for all pieces of dev and
test: parallels, leaps, bars in a row, silent voices, voices outside of their ranges, lengths, closes and forms.
"""

import argparse
import time
from collections import Counter
from collections.abc import Sequence
from statistics import median

import torch

from crnn_audio.inference.music import encoding, selection
from crnn_audio.inference.music.composer import Composer, GeneratedScore
from crnn_audio.inference.music.prompts import Prompt
from crnn_audio.metrics.cadences import Endings, endings
from crnn_audio.metrics.lapses import Lapses, lapses
from crnn_audio.metrics.voices import VoiceLeading, voice_leading
from crnn_audio.problems import music
from crnn_audio.problems.restore import load, restore
from crnn_audio.symbolic.form import form_of
from crnn_audio.symbolic.score import Score


def rows(scores: Sequence[Score], ranges: Sequence[tuple[int, int]], last_note: float) -> dict[str, str]:
    """The figures of pieces, by name."""
    found, voices = sum(map(lapses, scores), Lapses()), sum(map(voice_leading, scores), VoiceLeading())
    ends, count = sum(map(endings, scores), Endings()), len(scores)
    outside = sum(
        any(
            not low <= note.pitch <= high
            for (low, high), part in zip(ranges, one.parts, strict=True)
            for note in part.notes
        )
        for one in scores
    )
    long_tonic = sum(
        bool(one.keys)
        and one.notes[-1].pitch % 12 == one.keys[-1].tonic_pitch_class
        and one.parts[0].notes[-1].duration >= last_note
        for one in scores
    )
    parallels = {
        "parallel fifths per 100 chord changes": voices.fifths_per_100_changes,
        "parallel octaves per 100 chord changes": voices.octaves_per_100_changes,
    }
    forms = Counter(filter(None, map(form_of, scores)))
    shown = {name: f"{value:.2f}" for name, value in parallels.items() if value is not None}
    if found.phrased:
        shown["V-I or IV-I under a fermata at the end"] = f"{100 * found.closing / found.phrased:.0f} %"
    if len(ranges) == 1:
        shown[f"ends on the tonic, {last_note:g} quarters long or longer"] = f"{100 * long_tonic / count:.0f} %"
        shown["forms"] = ", ".join(f"{form} {100 * times / count:.0f} %" for form, times in forms.most_common(4))
    return shown | {
        "ends with the tonic lowest": f"{100 * ends.on_tonic / max(ends.keyed, 1):.0f} %",
        "pieces with a voice outside of its range": str(outside),
        "pieces with a leap above an octave": str(found.leaping),
        "pieces with a bar more than three times in a row": str(found.repeating),
        "pieces with a voice silent for over four bars": str(found.silent),
    }


def lengths(pieces: Sequence[GeneratedScore]) -> str:
    """How long pieces are, against the bars that they were to have."""
    ratios = [
        encoding.num_bars(one.score) / int(one.condition["bars"])
        for one in pieces
        if one.condition.get("bars", "0") != "0"
    ]
    within = 100 * sum(abs(ratio - 1) <= selection.TOLERANCE - 1 for ratio in ratios) / max(len(ratios), 1)
    return f"{within:.0f} % of {len(ratios)} within 15 %, the longest {max(ratios, default=0):.2f}"


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.bench.compositions", description=__doc__)
    parser.add_argument("model", help="a run directory or a zoo name")
    parser.add_argument("--num", type=int, default=64)
    parser.add_argument("--unguided", action="store_true", help="as the model samples: no penalties, one attempt")
    chosen = parser.parse_args()
    torch.set_num_threads(1)
    composer = load(chosen.model, "music", device="cpu")
    assert isinstance(composer, Composer), "a model of music as tokens"
    assert composer.run is not None, "a run"
    data = music.data(restore(composer.run).recipe)
    held = [tune.score for split in ("dev", "test") for tune in data.items[split]]
    last_note = median(score.parts[0].notes[-1].duration for score in held)
    ranges = encoding.ranges_of([tune.score for tune in data.items["train"]])
    begun = time.process_time()
    pieces = composer.generate_many(chosen.num, Prompt(guided=False, attempts=1) if chosen.unguided else Prompt())
    seconds = time.process_time() - begun
    own, theirs = (rows(scores, ranges, last_note) for scores in ([one.score for one in pieces], held))
    print(f"{'':54}{len(pieces)} generated   {len(held)} of dev and test")
    for name, value in own.items():
        print(f"{name:54}{value:14}{theirs[name]}")
    print(f"{'length against that asked for':54}{lengths(pieces)}")
    attempts = sum(one.attempt + 1 for one in pieces) / len(pieces)
    print(f"{'the attempt that was kept, on average; CPU seconds':54}{attempts:.1f}; {seconds:.0f}")


if __name__ == "__main__":
    main()
