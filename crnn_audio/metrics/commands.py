"""Scores of spoken commands: how many are understood, intent and every slot right."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from crnn_audio.metrics.scores import Scores

Meaning = Mapping[str, str]
"""Slots with their values; the intent under the empty name."""


@dataclass(frozen=True)
class ScoredCommand:
    """A recording: what it means, what was understood (None: nothing), the best sentence, its confidence, its loss."""

    id: str
    meaning: Meaning
    understood: Meaning | None
    text: str
    confidence: float
    loss: float

    @property
    def is_right(self) -> bool:
        """Whether intent and all slots are right, and there is no slot that was not meant."""
        return self.understood is not None and dict(self.understood) == dict(self.meaning)

    @property
    def wrong(self) -> list[str]:
        """The slots that are wrong, missing or added; the intent is the slot without a name."""
        found = self.understood or {}
        return sorted(slot for slot in {*found, *self.meaning} if found.get(slot) != self.meaning.get(slot))

    @property
    def rank(self) -> tuple[float, ...]:
        """How many slots are wrong, then the loss."""
        return (float(len(self.wrong)), self.loss) if not self.is_right else (0.0,)

    def lines(self) -> list[str]:
        """What it means, and what was understood."""
        found = _described(self.understood) if self.understood is not None else "not understood"
        return [self.id, f"  means       {_described(self.meaning)}", f"  understood  {found} ({self.text})"]


def _described(meaning: Meaning) -> str:
    slots = ", ".join(f"{slot} {value!r}" for slot, value in sorted(meaning.items()) if slot)
    return " ".join(filter(None, (meaning.get("", ""), slots)))


def scores_of(commands: Sequence[ScoredCommand]) -> Scores:
    """The scores of a split; acceptance is the share of recordings that are wholly right."""
    right = sum(one.is_right for one in commands)
    refused = sum(one.understood is None for one in commands)
    slots = Counter(slot or "intent" for one in commands if one.understood is not None for slot in one.wrong)
    details = [f"acceptance {100 * right / len(commands):.2f} %  ({refused} not understood)"]
    if slots:
        details.append("wrong: " + ", ".join(f"{slot} {count}" for slot, count in slots.most_common()))
    wrong_first = sorted(commands, key=lambda one: one.is_right)
    return Scores(
        metrics={"acceptance": right / len(commands)},
        loss=sum(one.loss for one in commands) / len(commands),
        counts=f"{len(commands)} commands",
        details=tuple(details),
        figures={"commands": len(commands), "right": right, "refused": refused, "wrong_slots": dict(slots)},
        items=tuple(commands),
        examples=tuple((_described(one.meaning), one.text) for one in wrong_first[:5]),
        empty_rate=sum(not one.text for one in commands) / len(commands),
    )
