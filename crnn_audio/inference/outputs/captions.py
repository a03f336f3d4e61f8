"""Captions: words grouped into readable cues, which end where the speaker pauses.

The limits are those of broadcasters' guides: two lines of 42 characters, at most seven seconds.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.outputs.spans import Span, milliseconds, spans

LINE = 42
"""Characters in a line, at most."""
LONGEST = 7000
"""Milliseconds that a cue is shown, at most."""
SHORTEST = 1000
"""Milliseconds that a cue is shown, if the next one leaves it so long."""
PAUSE = 800
"""Milliseconds without a word that always end a cue."""


@dataclass(frozen=True)
class Cue:
    """One caption of one or two lines, shown from `start` to `end`, in milliseconds; no two overlap."""

    start: int
    end: int
    lines: tuple[str, ...]


def cues(hypothesis: Hypothesis) -> list[Cue]:
    """All words of a hypothesis, in cues."""
    groups = _grouped([piece for span in spans(hypothesis) for piece in _pieces(span)])
    limits = [*(group[0].start for group in groups[1:]), milliseconds(hypothesis.seconds)]
    return [_cue(group, limit) for group, limit in zip(groups, limits, strict=False)]  # none for none


def _pieces(span: Span) -> list[Span]:
    """The word; one longer than a line is split into pieces of similar length, which share its time."""
    count = math.ceil(len(span.text) / LINE)
    if count <= 1:
        return [span]
    texts = [len(span.text) * part // count for part in range(count + 1)]
    times = [span.start + (span.end - span.start) * part // count for part in range(count + 1)]
    return [
        Span(span.text[texts[part] : texts[part + 1]], times[part], times[part + 1], span.confidence)
        for part in range(count)
    ]


def _grouped(words: Sequence[Span]) -> list[list[Span]]:
    groups: list[list[Span]] = []
    group: list[Span] = []
    for word in words:
        if group and word.start - group[-1].end >= PAUSE:
            groups.append(group)
            group = []
        group = [*group, word]
        if not _fits(group):
            end = _best_break(group)
            groups.append(group[:end])
            group = group[end:]
    return [*groups, group] if group else groups


def _fits(group: Sequence[Span]) -> bool:
    return len(group) == 1 or (group[-1].end - group[0].start <= LONGEST and _wrapped(group) is not None)


def _wrapped(group: Sequence[Span]) -> tuple[str, ...] | None:
    """On one line, or else on two that differ least in length."""
    words = [word.text for word in group]
    if len(whole := " ".join(words)) <= LINE:
        return (whole,)
    pairs = [(" ".join(words[:index]), " ".join(words[index:])) for index in range(1, len(words))]
    fitting = [pair for pair in pairs if max(map(len, pair)) <= LINE]
    return min(fitting, key=lambda pair: abs(len(pair[0]) - len(pair[1])), default=None)


def _best_break(group: Sequence[Span]) -> int:
    """Before which word to end the cue: at the longest pause of its second half, the latest of equals."""
    allowed = [index for index in range(1, len(group)) if _fits(group[index:]) and 2 * index >= len(group)]
    return max(allowed, key=lambda index: (group[index].start - group[index - 1].end, index))


def _cue(group: Sequence[Span], limit: int) -> Cue:
    start = group[0].start
    end = min(max(group[-1].end, start + SHORTEST), start + LONGEST)
    return Cue(start, max(min(end, limit), start + 1), _wrapped(group) or (group[0].text,))
