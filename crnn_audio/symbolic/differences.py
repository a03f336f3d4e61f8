"""What a file format does not keep of a score, in sentences."""

from collections import Counter

from crnn_audio.symbolic.parsed import plural
from crnn_audio.symbolic.score import Part, Score

WHAT = {
    "title": "The title",
    "tempo": "The tempo",
    "time_signatures": "The time signatures",
    "keys": "The keys",
    "pickup": "The pickup",
    "chords": "The chord symbols",
    "fermatas": "The fermatas",
}


def differences(meant: Score, found: Score, form: str) -> list[str]:
    """What of the score that was meant is not in the one that was found, written in `form`, such as "MIDI"."""
    said = [
        f"{what} cannot be kept exactly in {form}."
        for field, what in WHAT.items()
        if getattr(meant, field) != getattr(found, field)
    ]
    if len(meant.parts) != len(found.parts):
        silent = sum(not part.notes for part in meant.parts)
        left_out = f", {silent} of which had no notes" if silent else ""
        return [*said, f"{plural(len(meant.parts), 'part')}{left_out}, became {len(found.parts)} in {form}."]
    for number, (one, two) in enumerate(zip(meant.parts, found.parts, strict=True), start=1):
        said += _part_differences(one, two, one.name or f"part {number}", form)
    return said


def _part_differences(meant: Part, found: Part, name: str, form: str) -> list[str]:
    said = []
    if meant.name != found.name:
        said.append(f"{name}: its name cannot be kept exactly in {form}.")
    if meant.program != found.program:
        said.append(f"{name}: its instrument cannot be kept in {form}.")
    lost = (Counter(meant.notes) - Counter(found.notes)).total()
    if lost:
        said.append(f"{name}: {plural(lost, 'note')} cannot be kept exactly in {form}: begun or ended otherwise there.")
    elif len(meant.notes) != len(found.notes):
        said.append(f"{name}: {len(meant.notes)} notes became {len(found.notes)} in {form}.")
    return said
