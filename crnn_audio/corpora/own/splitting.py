"""Which cuts are for training, choosing and testing: by speaker where that is known, else by a hash of each cut's id.

A hash is a function of one name alone, so that a recording stays in its split when others are added, unless the split
has then become too long or too short beside the others.
"""

from collections.abc import Callable, Mapping, Sequence

from crnn_audio.batching.manifests import Cut
from crnn_audio.batching.plan import key

HELD_OUT = 0.1
"""Of the seconds (by speaker) or of the cuts (by hash) that dev and test each get."""
FEWEST_SPEAKERS = 3
SHORTEST, SHORTEST_SECONDS = 0.02, 300
"""A split of less than this fraction of train's seconds, and of fewer seconds, is too short."""

Splits = dict[str, list[Cut]]


def divide(cuts: Sequence[Cut], held_out: Sequence[str] = ("test", "dev")) -> tuple[Splits, str]:
    """Splits cuts into train and those of `held_out`, and describes how.

    Whole speakers are held out where at least three are known, about a tenth of the seconds for each split; cuts
    without a speaker stay in train. Otherwise about a tenth of the cuts are, of at most a fifth of the seconds, by a
    stable hash of their ids, and then the splits share speakers. Each split gets a cut as long as there are enough.
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
    """About a tenth of the cuts for each split that is held out, of at most a fifth of the seconds."""
    places = {cut.id: key("split", cut.id) / 2**63 for cut in cuts}
    names = dict(enumerate(held_out))
    last = max(places, key=lambda id: places[id], default=None)  # something to train on, however few there are
    splits = _gathered(
        cuts,
        held_out,
        lambda cut: "train" if cut.id == last else names.get(int(places[cut.id] / HELD_OUT), "train"),
    )
    wanted = HELD_OUT * sum(cut.duration for cut in cuts)
    for split in held_out:
        _shorten(splits, split, 2 * wanted)
    for split in held_out:
        _fill(splits, split, wanted, 2 * HELD_OUT * len(cuts), places)
    return splits


def _shorten(splits: Splits, split: str, most: float) -> None:
    """Gives the longest cuts of a split back to train, until it is of at most so many seconds, or one cut."""
    held = splits[split]
    total, longest = _seconds(held), sorted(held, key=lambda cut: cut.duration)
    while total > most and len(longest) > 1:
        back = longest.pop()
        total -= back.duration
        held.remove(back)
        splits["train"].append(back)
    if total > most and longest[0].duration > min((cut.duration for cut in splits["train"]), default=total):
        splits["train"].append(held.pop())


def _fill(splits: Splits, split: str, wanted: float, most: float, places: dict[str, float]) -> None:
    """Takes cuts of train, those of the lowest hash first, into a split that is empty or of few seconds."""
    held, train = splits[split], splits["train"]
    total = _seconds(held)
    for cut in sorted(train, key=lambda cut: places[cut.id]):
        room = len(held) + 1 <= most and total < wanted / 2
        if (room or not held) and total + cut.duration <= 2 * wanted and len(train) > 1:
            train.remove(cut)
            held.append(cut)
            total += cut.duration
    if not held and len(train) > 1:
        held.append(shortest := min(train, key=lambda cut: (cut.duration, places[cut.id])))
        train.remove(shortest)


def _seconds(cuts: Sequence[Cut]) -> float:
    return sum(cut.duration for cut in cuts)


def lopsided(splits: Mapping[str, Sequence[Cut]]) -> list[str]:
    """What to say of splits that are too short or too long beside train, a line each."""
    train, found = _seconds(splits["train"]), []
    for split, cuts in splits.items():
        seconds = _seconds(cuts)
        if split == "train" or not cuts:
            continue
        short = seconds < SHORTEST_SECONDS and seconds < SHORTEST * train
        if short or seconds > train:
            longest = max((cut for each in splits.values() for cut in each), key=lambda cut: cut.duration)
            found.append(
                f"{split} is of {seconds / 60:.1f} minutes and train of {train / 60:.1f}: {split} is too "
                f"{'short for scores to mean much' if short else 'long beside train'}. The longest cut is "
                f"{longest.id!r} of {longest.duration / 60:.1f} minutes; divide long recordings into utterances."
            )
    return found


def _gathered(cuts: Sequence[Cut], held_out: Sequence[str], split_of: Callable[[Cut], str]) -> Splits:
    splits: Splits = {split: [] for split in ("train", *reversed(held_out))}
    for cut in cuts:
        splits[split_of(cut)].append(cut)
    return splits
