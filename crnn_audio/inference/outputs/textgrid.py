"""Praat's TextGrid in its long text form."""

from collections.abc import Mapping, Sequence

Interval = tuple[float, float, str]
"""Start and end in seconds, and text; empty for silence."""


def textgrid(tiers: Mapping[str, Sequence[Interval]], end: float) -> str:
    """Interval tiers by their names, each of which fills the time up to `end`."""
    items = "".join(_tier(number, *one) for number, one in enumerate(tiers.items(), start=1))
    return (
        f'File type = "ooTextFile"\nObject class = "TextGrid"\n\nxmin = 0 \nxmax = {end} \n'
        f"tiers? <exists> \nsize = {len(tiers)} \nitem []: \n{items}"
    )


def _tier(number: int, name: str, intervals: Sequence[Interval]) -> str:
    rows = "".join(
        f"        intervals [{index}]:\n            xmin = {start} \n            xmax = {stop} \n"
        f"            text = {_quoted(text)} \n"
        for index, (start, stop, text) in enumerate(intervals, start=1)
    )
    return (
        f'    item [{number}]:\n        class = "IntervalTier" \n        name = {_quoted(name)} \n        xmin = 0 \n'
        f"        xmax = {intervals[-1][1]} \n        intervals: size = {len(intervals)} \n{rows}"
    )


def _quoted(text: str) -> str:
    return '"' + text.replace('"', '""') + '"'
