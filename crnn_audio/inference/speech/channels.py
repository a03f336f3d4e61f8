"""Which channels of a recording are recognised: their mix, one of them, or each by itself."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Literal, TypeAlias

from crnn_audio import audio
from crnn_audio.audio import Source
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Hypothesis

Channels: TypeAlias = Literal["mix", "each", "left", "right"]
ONE = {"mix": None, "left": 0, "right": 1}


@dataclass(frozen=True)
class OneChannel:
    """A recording of which one channel is read, from 0 on, or the mix where it is None."""

    source: Source
    channel: int | None = None

    @property
    def name(self) -> str:
        """What messages call it."""
        name = audio.name_of(self.source)
        return name if self.channel is None else f"{name}, channel {self.channel + 1}"


Results: TypeAlias = Iterator[tuple[int, Hypothesis | DataError]]


def separate(
    sources: Sequence[Source], channels: Channels, completed: Callable[[Sequence[OneChannel]], Results]
) -> Results:
    """Results of each recording and its position, those of its channels joined where each is asked for.

    Args:
        completed: recognises; gives results in any order, each with its position.
    """
    if channels != "each":
        yield from completed([OneChannel(source, ONE[channels]) for source in sources])
        return
    recordings: list[OneChannel] = []
    owners: list[int] = []
    for index, source in enumerate(map(audio.rereadable, sources)):
        try:
            with audio.opened(source) as sound:
                count = sound.num_channels
        except DataError as error:
            yield index, error
        else:
            recordings += [OneChannel(source, channel) for channel in range(count)]
            owners += [index] * count
    found: dict[int, dict[int, Hypothesis | DataError]] = {}
    for position, result in completed(recordings):
        results = found.setdefault(owners[position], {})
        results[position] = result
        if len(results) == owners.count(owners[position]):
            yield owners[position], _joined([results[one] for one in sorted(results)])


def _joined(results: Sequence[Hypothesis | DataError]) -> Hypothesis | DataError:
    """The transcripts of all channels of one recording."""
    hypotheses: list[Hypothesis] = []
    for result in results:
        if isinstance(result, DataError):
            return result
        hypotheses.append(result)
    words = sorted((word for one in hypotheses for word in one.words), key=lambda word: (word.start, word.end))
    return replace(
        hypotheses[0],
        text="\n".join(one.text for one in hypotheses),
        confidence=min(one.confidence for one in hypotheses),
        words=tuple(words),
        remarks=tuple(remark for one in hypotheses for remark in one.remarks),
        channel=None,
        channels=tuple(hypotheses),
    )
