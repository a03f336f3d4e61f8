"""Quality checks of cuts that can be used: sound, pace, copies, and overlap of splits. Each finding says what to do."""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping, Sequence
from typing import NamedTuple

from crnn_audio.batching.audio_stats import SILENCE_DB, AudioStats
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.manifests import Cut

CLIPPED_FRACTION = 0.001
GAP_SECONDS = 0.5
FASTEST, SLOWEST = 35.0, 1.0
"""Characters a second that speech stays between; the slowest counts for cuts of `LONG` seconds and more."""
LONG = 5.0
RARE = 5
"""A token that stands less often in train is hardly learned."""
SHOWN = 8
"""Names that a finding lists."""
SAME_DB = 1.0
"""Loudness courses that differ by no more are of one recording."""

Splits = Mapping[str, Sequence[Cut]]


def silent(cuts: Sequence[Cut], stats: Mapping[str, AudioStats]) -> list[Finding]:
    """Cuts without a single sample that is not zero."""
    advice = "digital silence from start to end. Record it again or drop it."
    return [Finding(cut.id, advice) for cut in _among(cuts, stats, lambda one: one.peak == SILENCE_DB)]


def adjusted(cuts: Sequence[Cut], stats: Mapping[str, AudioStats]) -> list[Finding]:
    """Cuts whose level or channels are changed when they are read, or should be: quiet, scaled, cancelled."""
    return [
        Finding(cut.id, f"{'; '.join(stats[cut.id].adjustments)}. Listen to it; record it again if you can.")
        for cut in _among(cuts, stats, lambda one: bool(one.adjustments))
    ]


def gaps(cuts: Sequence[Cut], stats: Mapping[str, AudioStats]) -> list[Finding]:
    """Cuts with a run of exact zeros, which no microphone gives."""
    return [
        Finding(cut.id, f"{stats[cut.id].gap:.2f} s of exact zeros, as where a recorder dropped out. Listen to it.")
        for cut in _among(cuts, stats, lambda one: one.gap >= GAP_SECONDS and one.peak > SILENCE_DB)
    ]


def clipped(cuts: Sequence[Cut], stats: Mapping[str, AudioStats]) -> list[Finding]:
    """Cuts whose loudest samples have flat tops."""
    return [
        Finding(
            cut.id,
            f"clipped: {100 * stats[cut.id].clipped:.1f} % of its samples stand in flat tops at its peak. Record it "
            "with less gain if you can.",
        )
        for cut in _among(cuts, stats, lambda one: one.clipped >= CLIPPED_FRACTION)
    ]


def _among(cuts: Sequence[Cut], stats: Mapping[str, AudioStats], test: Callable[[AudioStats], bool]) -> list[Cut]:
    return [cut for cut in cuts if cut.id in stats and test(stats[cut.id])]


def pace(cuts: Sequence[Cut]) -> list[Finding]:
    """Cuts with far more or far less text than can be said in their time."""
    found = []
    for cut in cuts:
        speed = len(cut.text) / cut.duration
        if speed > FASTEST or (speed < SLOWEST and cut.duration >= LONG and cut.text):
            said = f"{len(cut.text)} characters in {cut.duration:.1f} s"
            found.append(Finding(cut.id, f"{said} is not how people speak. Check that text and audio agree."))
    return found


def rates(splits: Splits, wanted: int) -> list[tuple[str, Finding]]:
    """Sample rates other than the usual one, or below that of the features; one finding a split and rate."""
    counts = Counter(cut.recording.sample_rate for cuts in splits.values() for cut in cuts)
    usual = counts.most_common(1)[0][0] if counts else wanted
    found = []
    for split, cuts in splits.items():
        for rate in sorted({cut.recording.sample_rate for cut in cuts}):
            of_rate = [cut for cut in cuts if cut.recording.sample_rate == rate]
            if rate < wanted or rate != usual:
                found.append((split, Finding(of_rate[0].id, _rate(rate, len(of_rate), usual, wanted))))
    return found


def _of_rate(count: int, rate: int) -> str:
    return f"it and {count - 1} other cuts are of {rate} Hz" if count > 1 else f"it is of {rate} Hz"


def _rate(rate: int, count: int, usual: int, wanted: int) -> str:
    unusual = "" if rate == usual else f" where most are of {usual} Hz"
    if rate < wanted:
        lost = f"nothing above {rate / 2:.0f} Hz is in them, though features of {wanted} Hz are taken"
        return f"{_of_rate(count, rate)}{unusual}: {lost}. Set features.sample_rate={rate}, or expect worse results."
    return f"{_of_rate(count, rate)}{unusual}; they are resampled. Check that recording conditions agree."


class Duplicate(NamedTuple):
    """A cut that may have a copy."""

    split: str
    cut: Cut
    stats: AudioStats


def copies(splits: Splits, stats: Mapping[str, Mapping[str, AudioStats]]) -> list[tuple[str, Finding, bool]]:
    """Cuts that hold the same samples as an earlier one, or the same text at the same length and loudness; by split.

    The last value is true where the same samples are in two splits, which invalidates scores.
    """
    found = []
    by_digest: dict[str, Duplicate] = {}
    by_text: dict[tuple[str, float], list[Duplicate]] = defaultdict(list)
    for split, cuts in splits.items():
        for cut in (cut for cut in cuts if cut.id in stats[split]):
            one = Duplicate(split, cut, stats[split][cut.id])
            alike = by_text[cut.text, round(cut.duration, 2)]
            exact = by_digest.setdefault(one.stats.digest, one)
            duplicate = (
                exact if exact is not one else next((other for other in alike if _same_course(one, other)), None)
            )
            if duplicate:
                what = "the same audio as" if duplicate is exact else "the text, length and loudness of"
                text = duplicate.cut.text
                other = "" if text == cut.text else f", whose text is another ({text[:60]!r})"
                advice = f"{what} cut {duplicate.cut.id!r} of {duplicate.split}{other}. Keep one of them."
                found.append((split, Finding(cut.id, advice), duplicate is exact and duplicate.split != split))
            alike.append(one)
    return found


def _same_course(one: Duplicate, other: Duplicate) -> bool:
    pairs = zip(one.stats.course, other.stats.course, strict=True)
    return all(abs(mine - yours) <= SAME_DB for mine, yours in pairs)


def shared_ids(splits: Splits) -> list[tuple[str, Finding]]:
    """Ids that stand in an earlier split too."""
    seen: dict[str, str] = {}
    found = []
    for split, cuts in splits.items():
        found += [
            (split, Finding(cut.id, f"its id stands in {seen[cut.id]} too. Give every cut an id of its own."))
            for cut in cuts
            if cut.id in seen
        ]
        seen |= {cut.id: split for cut in cuts if cut.id not in seen}
    return found


def shared_speakers(splits: Splits) -> list[tuple[str, Finding]]:
    """Speakers that are in an earlier split too; one finding a speaker and split."""
    seen: dict[str, str] = {}
    found = []
    for split, cuts in splits.items():
        first = {cut.speaker: cut.id for cut in reversed(cuts) if cut.speaker}
        for speaker in sorted(first.keys() & seen.keys()):
            advice = "so scores are of known voices. Keep a speaker in one split, if you can."
            found.append((split, Finding(first[speaker], f"speaker {speaker!r} is in {seen[speaker]} too, {advice}")))
        seen |= {speaker: split for speaker in first if speaker not in seen}
    return found


def shared_texts(splits: Splits) -> list[tuple[str, Finding]]:
    """Texts that stand in train too; one finding a split."""
    known = {cut.text for cut in splits.get("train", ())}
    found = []
    for split, cuts in splits.items():
        shared = [cut for cut in cuts if cut.text in known]
        if split != "train" and shared:
            of = f"{len(shared)} of {len(cuts)} texts of {split} stand in train too, such as {shared[0].text[:60]!r}"
            advice = "Commands and digits repeat by nature; sentences should not, so keep each in one split."
            found.append((split, Finding(shared[0].id, f"{of}. {advice}")))
    return found


def rare(cuts: Sequence[Cut], split: Callable[[str], list[str]], kind: str) -> list[Finding]:
    """Tokens of a training split that stand too seldom to be learned, with the first cut of each.

    Args:
        split: a text's tokens.
        kind: "characters", of which each is a finding, or "words", which are one finding together.
    """
    counts: Counter[str] = Counter()
    first: dict[str, str] = {}
    for cut in cuts:
        tokens = split(cut.text)
        counts.update(tokens)
        first |= {token: cut.id for token in tokens if token not in first}
    seldom = sorted(
        (token for token, count in counts.items() if count < RARE), key=lambda token: (counts[token], token)
    )
    if not seldom:
        return []
    if kind == "words":
        shown = ", ".join(map(repr, seldom[:SHOWN])) + (", ..." if len(seldom) > SHOWN else "")
        advice = f"Take characters as tokens (task.vocabulary=characters), or record more: {shown}."
        return [
            Finding(first[seldom[0]], f"{len(seldom)} of {len(counts)} words stand less than {RARE} times. {advice}")
        ]
    return [
        Finding(
            first[token],
            f"{token!r} (U+{ord(token[0]):04X}) stands {_times(counts[token])} in train, too seldom to be learned. "
            "Spell it otherwise (task.case, task.punctuation), or record more of it.",
        )
        for token in seldom
    ]


def _times(count: int) -> str:
    return "once" if count == 1 else f"{count} times"
