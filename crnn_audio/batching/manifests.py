"""A manifest: a JSONL file of cuts (.jsonl, .jsonl.gz), with the field names of Lhotse, so that the two exchange files.

A recording is one audio file; a cut is a span of it; a supervision is what is known of the cut or a part of it: its
text, speaker and label, and labelled segments. A label stands in a supervision's `custom` fields, and segments are its
alignment of type `label`, as Lhotse keeps words and phones. All times are in seconds. A relative source path counts
from the manifest's own folder, so a corpus can be moved as a whole.

Channels are averaged, so a cut is of all channels of its recording: Lhotse's `MonoCut` where there is one channel, and
`MultiCut` where there are several. What would be read otherwise than Lhotse means it is refused; fields that
change nothing about sound, text, speaker and labels are ignored.
"""

import gzip
import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import DataError

SLACK = 0.05
"""Seconds that a supervision may reach out of its cut, and a segment too, as rounded times and forced alignments do."""
SLOTS = "slots"
"""The `custom` field of a supervision that holds the slots of a command, whose intent is the label."""
LABEL = "label"
"""The `custom` field of a supervision that is its label, and the type of alignment that is its segments."""
DECIMALS = 8
"""Of times of segments, as Lhotse rounds them."""


@dataclass(frozen=True)
class Recording:
    """One audio file on disk: samples per second, samples in one channel, channels."""

    id: str
    path: Path
    sample_rate: int
    num_samples: int
    num_channels: int = 1

    @property
    def duration(self) -> float:
        """Seconds."""
        return self.num_samples / self.sample_rate


@dataclass(frozen=True)
class Segment:
    """A labelled span of a cut, from `start` to `end` in seconds from the start of the cut."""

    start: float
    end: float
    label: str


@dataclass(frozen=True)
class Cut:
    """A span of a recording, from `start` for `duration` seconds, with its transcript.

    Where they are known: its speaker; the class of the whole cut, or the intent of a command, `label`; the slots of
    that command with their values; and labelled `segments`, which may overlap.
    """

    id: str
    recording: Recording
    start: float
    duration: float
    text: str
    speaker: str | None = None
    label: str | None = None
    segments: tuple[Segment, ...] = ()
    slots: tuple[tuple[str, str], ...] = ()

    @property
    def is_whole(self) -> bool:
        """Whether the cut is its whole recording."""
        return self.start == 0 and abs(self.duration - self.recording.duration) < 0.5 / self.recording.sample_rate


def whole(recording: Recording, text: str, speaker: str | None = None) -> Cut:
    """The cut that is all of a recording."""
    return Cut(recording.id, recording, 0.0, recording.duration, text, speaker)


def save(cuts: Iterable[Cut], path: Path) -> None:
    """Writes the manifest, all or nothing, packed if its name ends in .gz; audio inside its folder is named from there.

    Raises:
        OSError: it cannot be written.
    """
    folder = path.parent.resolve()
    lines = [json.dumps(_to_lhotse(cut, folder), ensure_ascii=False) + "\n" for cut in cuts]
    content = "".join(lines).encode("utf-8")
    files.write_bytes(path, gzip.compress(content, mtime=0) if path.suffix == ".gz" else content)


def is_manifest(path: Path) -> bool:
    """Whether a file holds JSON objects of Lhotse (cuts, or what can be joined to cuts), as its first line shows."""
    try:
        lines = files.read_text(path, ValueError).split("\n")
        item = files.parse_json(next((line for line in lines if line.strip()), ""))
    except ValueError:
        return False
    return isinstance(item, dict) and bool(item.keys() & {"recording", "recording_id", "sources", "tracks"})


def load(path: Path) -> list[Cut]:
    """Reads a manifest; a cut with several supervisions becomes one cut for each, which takes the supervision's id.

    Raises:
        DataError: the file is missing, not UTF-8 or empty, a line is not a cut that can be read here, or two cuts share
            an id; with the line.
    """
    missing = "no such manifest. Run `crnn-audio prepare` first, or check the path."
    lines = files.read_text(path, DataError, missing=missing).split("\n")  # splitlines() would split at U+2028 too
    numbered = [(number, line) for number, line in enumerate(lines, 1) if line.strip()]
    cuts = [cut for number, line in numbered for cut in _parse(line, path, number)]
    if not cuts:
        raise DataError(f"{path}: the manifest is empty; it needs one JSON cut a line.")
    _refuse_duplicates(cuts, path)
    return cuts


def _refuse_duplicates(cuts: list[Cut], path: Path) -> None:
    repeated = sorted(id for id, count in Counter(cut.id for cut in cuts).items() if count > 1)
    if repeated:
        names = ", ".join(repr(name) for name in repeated[:5]) + (", ..." if len(repeated) > 5 else "")
        raise DataError(
            f"{path}: {len(repeated)} ids stand more than once ({names}). Every cut needs an id of its own."
        )


def _parse(line: str, path: Path, number: int) -> list[Cut]:
    try:
        item = files.parse_json(line)
    except ValueError as error:
        raise DataError(f"{path}, line {number}: not a JSON object ({error}).") from None
    try:
        return _from_lhotse(item, path.parent)
    except KeyError as error:
        raise DataError(f"{path}, line {number}: the cut has no field {error}.") from None
    except (TypeError, ValueError, IndexError, AttributeError, OverflowError) as error:
        raise DataError(f"{path}, line {number}: not a cut that can be used here ({error}).") from None


def _from_lhotse(item: Any, folder: Path) -> list[Cut]:
    if not isinstance(item, dict):
        raise TypeError("no JSON object")
    _refuse_kind(item)
    recording = _recording(item["recording"], folder)
    _refuse_channels(item.get("channel"), recording, "the cut")
    whole_cut = _checked(Cut(str(item["id"]), recording, float(item["start"]), float(item["duration"]), ""))
    supervisions = item.get("supervisions") or []
    for supervision in supervisions:
        _refuse_channels(supervision.get("channel"), recording, "a supervision")
    if len(supervisions) > 1:
        return [_utterance(whole_cut, supervision) for supervision in supervisions]
    known = supervisions[0] if supervisions else {}
    _refuse_clipped_supervision(known, whole_cut)
    return [_checked(replace(whole_cut, **_known(known)))]


def _known(supervision: dict[str, Any], offset: float = 0.0) -> dict[str, Any]:
    """What a supervision holds about a cut that begins `offset` seconds after the one that it stands in."""
    aligned = (supervision.get("alignment") or {}).get(LABEL) or ()
    custom = supervision.get("custom") or {}
    return {
        "text": str(supervision.get("text") or ""),
        "speaker": _text_or_none(supervision.get("speaker")),
        "label": _text_or_none(custom.get(LABEL)),
        "slots": tuple(sorted((str(slot), str(value)) for slot, value in (custom.get(SLOTS) or {}).items())),
        "segments": tuple(_segment(offset, *item[:3]) for item in aligned),
    }


def _segment(offset: float, label: Any, start: Any, duration: Any) -> Segment:
    begin = float(start) - offset
    return Segment(round(begin, DECIMALS), round(begin + float(duration), DECIMALS), str(label))


def _text_or_none(value: Any) -> str | None:
    return None if value is None else str(value)


def _refuse_kind(item: dict[str, Any]) -> None:
    kind = item.get("type", "MonoCut")
    if kind not in ("MonoCut", "MultiCut"):
        raise ValueError(f"a {kind}; only cuts of one recording are read (MonoCut, MultiCut), so save its audio first")
    if "recording" not in item and item.keys() & {"sources", "recording_id"}:
        kind = "recording" if "sources" in item else "supervision"
        raise ValueError(f"a {kind}; join recordings and supervisions with `lhotse cut simple`")


def _recording(item: dict[str, Any], folder: Path) -> Recording:
    if transforms := item.get("transforms"):
        names = ", ".join(str(one.get("name")) for one in transforms)
        raise ValueError(f"its recording is changed on reading ({names}); save the changed audio first")
    sources = item["sources"]
    if len(sources) != 1 or sources[0].get("type", "file") != "file":
        kinds = ", ".join(str(one.get("type")) for one in sources)
        raise ValueError(f"its recording has {len(sources)} sources ({kinds}); it should be one file")
    source = Path(sources[0]["source"])
    return Recording(
        id=str(item["id"]),
        path=source if source.is_absolute() else folder / source,
        sample_rate=int(item["sampling_rate"]),
        num_samples=int(item["num_samples"]),
        num_channels=len(item.get("channel_ids") or [0]),
    )


def _refuse_channels(channel: Any, recording: Recording, what: str) -> None:
    """Stops where one channel of several is meant."""
    if channel is None or recording.num_channels == 1:
        return
    chosen = channel if isinstance(channel, list) else [channel]
    if len(chosen) != recording.num_channels:
        named = f"channel {', '.join(map(str, chosen))} of {recording.num_channels}"
        raise ValueError(f"{what} is {named}, and channels are averaged here; write each into a file of its own")


def _utterance(cut: Cut, supervision: dict[str, Any]) -> Cut:
    """One supervision of several, as a cut of its own."""
    _refuse_clipped_supervision(supervision, cut)
    start, duration = float(supervision["start"]), float(supervision["duration"])
    first, last = max(start, 0.0), min(start + duration, cut.duration)
    part = replace(cut, id=str(supervision["id"]), start=cut.start + first, duration=last - first)
    return _checked(replace(part, **_known(supervision, first)))


def _refuse_clipped_supervision(supervision: dict[str, Any], cut: Cut) -> None:
    """Stops where a supervision's text covers more than the cut's audio, as windows and truncation leave it."""
    if "start" not in supervision or "duration" not in supervision:
        return
    start, end = float(supervision["start"]), float(supervision["start"]) + float(supervision["duration"])
    if start < -SLACK or end > cut.duration + SLACK:
        raise ValueError(
            f"its supervision from {start:.2f} to {end:.2f} s reaches out of the cut's {cut.duration:.2f} s, so not "
            "all of its text is in the audio; cut along supervisions (`lhotse cut trim-to-supervisions`)"
        )


def _checked(cut: Cut) -> Cut:
    recording = cut.recording
    words = [cut.id, cut.text, cut.speaker, cut.label, *cut.slots, *(one.label for one in cut.segments)]
    " ".join(map(str, words)).encode()  # half a character is an error here, not when it is written
    if recording.sample_rate < 1 or recording.num_samples < 1:
        raise ValueError(
            f"sampling_rate {recording.sample_rate} and num_samples {recording.num_samples}; both are 1 or more"
        )
    if not (math.isfinite(cut.start) and cut.start >= 0):
        raise ValueError(f"start {cut.start}; it is 0 or more seconds")
    if not (math.isfinite(cut.duration) and cut.duration > 0):
        raise ValueError(f"duration {cut.duration}; it is more than 0 seconds")
    if round((cut.start + cut.duration) * recording.sample_rate) > recording.num_samples:
        raise ValueError(f"it ends at {cut.start + cut.duration:.4f} s, its recording at {recording.duration:.4f} s")
    for one in cut.segments:
        if not -SLACK <= one.start < one.end <= cut.duration + SLACK:
            raise ValueError(
                f"its segment {one.label!r} from {one.start:.2f} to {one.end:.2f} s; segments lie within the "
                f"{cut.duration:.2f} s that they are of, and end after they start"
            )
    return cut


def _aligned(segment: Segment) -> list[Any]:
    return [segment.label, segment.start, round(segment.end - segment.start, DECIMALS)]


def _to_lhotse(cut: Cut, folder: Path) -> dict[str, Any]:
    recording = cut.recording
    path = recording.path.resolve()
    channels = list(range(recording.num_channels))
    channel = 0 if recording.num_channels == 1 else channels
    custom = ({LABEL: cut.label} if cut.label is not None else {}) | ({SLOTS: dict(cut.slots)} if cut.slots else {})
    supervision = {
        "id": cut.id,
        "recording_id": recording.id,
        "start": 0.0,
        "duration": cut.duration,
        "channel": channel,
        "text": cut.text,
        **({"speaker": cut.speaker} if cut.speaker else {}),
        **({"custom": custom} if custom else {}),
        **({"alignment": {LABEL: [_aligned(one) for one in cut.segments]}} if cut.segments else {}),
    }
    return {
        "id": cut.id,
        "start": cut.start,
        "duration": cut.duration,
        "channel": channel,
        "supervisions": [supervision],
        "recording": {
            "id": recording.id,
            "sources": [
                {
                    "type": "file",
                    "channels": channels,
                    "source": str(path.relative_to(folder) if path.is_relative_to(folder) else path),
                }
            ],
            "sampling_rate": recording.sample_rate,
            "num_samples": recording.num_samples,
            "duration": recording.duration,
            "channel_ids": channels,
        },
        "type": "MonoCut" if recording.num_channels == 1 else "MultiCut",
    }
