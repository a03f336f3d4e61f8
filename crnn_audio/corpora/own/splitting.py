"""Which cuts are for training, choosing and testing: by speaker where that is known, else by a hash of each cut's id.

A hash is a function of one name alone, so that a recording stays in its split when others are added.
"""

from collections.abc import Callable, Sequence

from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import key

HELD_OUT = 0.1
"""Of the seconds (by speaker) or of the cuts (by hash) that dev and test each get."""
FEWEST_SPEAKERS = 3

Splits = dict[str, list[Cut]]


def divide(cuts: Sequence[Cut], held_out: Sequence[str] = ("test", "dev")) -> tuple[Splits, str]:
    """Splits cuts into train and those of `held_out`, and describes how.

    Whole speakers are held out where at least three are known, about a tenth of the seconds for each split; cuts
    without a speaker stay in train. Otherwise about a tenth of the cuts are, by a stable hash of their ids, and then
    the splits share speakers. Each split gets a cut as long as there are enough.
    """
    speakers = {cut.speaker for cut in cuts if cut.speaker}
    if len(speakers) >= FEWEST_SPEAKERS:
        unknown = sum(cut.speaker is None for cut in cuts)
        rest = f"; {unknown} cuts of unknown speakers are in train" if unknown else ""
        return _by_speaker(cuts, held_out), f"by speaker ({len(speakers)} of them{rest})"
    known = {0: "no speaker is known", 1: "one speaker is known"}.get(len(speakers), "only two speakers are known")
    how = f"by a hash of each cut's id ({known}), so scores hold for these speakers and not for others"
    return _by_hash(cuts, held_out), how


def _by_speaker(cuts: Sequence[Cut], held_out: Sequence[str]) -> Splits:
    seconds: dict[str, float] = {}
    for cut in cuts:
        if cut.speaker:
            seconds[cut.speaker] = seconds.get(cut.speaker, 0.0) + cut.duration
    wanted = HELD_OUT * sum(cut.duration for cut in cuts)
    chosen: dict[str, str] = {}
    for split in held_out:
        left = {speaker: length for speaker, length in seconds.items() if speaker not in chosen}
        chosen |= dict.fromkeys(_some(left, wanted), split)
    return _gathered(cuts, held_out, lambda cut: chosen.get(cut.speaker or "", "train"))


def _some(seconds: dict[str, float], wanted: float) -> list[str]:
    """Speakers in the order of their hashes, of about the wanted length together; the shortest if none is so short."""
    some: list[str] = []
    total = 0.0
    for speaker in sorted(seconds, key=lambda speaker: key("split", speaker)):
        if total < wanted and total + seconds[speaker] <= 2 * wanted:
            some.append(speaker)
            total += seconds[speaker]
    return some or [min(seconds, key=lambda speaker: (seconds[speaker], speaker))]


def _by_hash(cuts: Sequence[Cut], held_out: Sequence[str]) -> Splits:
    places = {cut.id: key("split", cut.id) / 2**63 for cut in cuts}
    names = dict(enumerate(held_out))
    last = max(places, key=lambda id: places[id], default=None)  # something to train on, however few there are
    splits = _gathered(
        cuts,
        held_out,
        lambda cut: "train" if cut.id == last else names.get(int(places[cut.id] / HELD_OUT), "train"),
    )
    for split in held_out:
        if not splits[split] and len(splits["train"]) > 1:
            nearest = min(splits["train"], key=lambda cut: places[cut.id])
            splits["train"].remove(nearest)
            splits[split].append(nearest)
    return splits


def _gathered(cuts: Sequence[Cut], held_out: Sequence[str], split_of: Callable[[Cut], str]) -> Splits:
    splits: Splits = {split: [] for split in ("train", *reversed(held_out))}
    for cut in cuts:
        splits[split_of(cut)].append(cut)
    return splits
