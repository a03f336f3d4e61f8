"""A manifest: a JSONL file of cuts, spelled as Lhotse spells it (`MonoCut`), so that the two can exchange files.

A recording is one audio file; a cut is a span of it; a supervision is what is known about the cut. All times are in
seconds. A relative source path counts from the manifest's own folder, so a corpus can be moved as a whole.
"""

import json
import math
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from crnn_audio import files
from crnn_audio.errors import DataError


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
class Cut:
    """A span of a recording, from `start` for `duration` seconds, with its transcript and, where known, its speaker."""

    id: str
    recording: Recording
    start: float
    duration: float
    text: str
    speaker: str | None = None

    @property
    def is_whole(self) -> bool:
        """Whether the cut is its whole recording."""
        return self.start == 0 and abs(self.duration - self.recording.duration) < 0.5 / self.recording.sample_rate


def whole(recording: Recording, text: str, speaker: str | None = None) -> Cut:
    """The cut that is all of a recording."""
    return Cut(recording.id, recording, 0.0, recording.duration, text, speaker)


def save(cuts: Iterable[Cut], path: Path) -> None:
    """Writes the manifest, all or nothing; audio inside its folder is named relative to it."""
    folder = path.parent.resolve()
    lines = [json.dumps(_to_lhotse(cut, folder), ensure_ascii=False) for cut in cuts]
    files.write_text(path, "".join(line + "\n" for line in lines))


def load(path: Path) -> list[Cut]:
    """Reads a manifest.

    Raises:
        DataError: the file is missing, not UTF-8 or empty, a line is not a cut, or two cuts share an id; with the line.
    """
    try:
        lines = path.read_text(encoding="utf-8-sig").split("\n")  # splitlines() would split at U+2028 too
    except FileNotFoundError:
        raise DataError(f"{path}: no such manifest. Run `crnn-audio prepare` first, or check the path.") from None
    except (OSError, UnicodeDecodeError) as error:
        raise DataError(f"{path}: cannot be read as a UTF-8 text file ({error}).") from None
    cuts = [_parse(line, path, number) for number, line in enumerate(lines, 1) if line.strip()]
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


def _parse(line: str, path: Path, number: int) -> Cut:
    try:
        return _checked(_from_lhotse(json.loads(line), path.parent))
    except json.JSONDecodeError as error:
        raise DataError(f"{path}, line {number}: not a JSON object ({error.msg} at column {error.colno}).") from None
    except KeyError as error:
        raise DataError(f"{path}, line {number}: the cut has no field {error}.") from None
    except (TypeError, ValueError, IndexError, AttributeError) as error:
        raise DataError(f"{path}, line {number}: not a cut as Lhotse spells it ({error}).") from None


def _checked(cut: Cut) -> Cut:
    recording = cut.recording
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
    return cut


def _from_lhotse(item: Any, folder: Path) -> Cut:
    if not isinstance(item, dict):
        raise TypeError("no JSON object")
    recording = item["recording"]
    source = Path(recording["sources"][0]["source"])
    supervisions = item.get("supervisions") or []
    if len(supervisions) > 1:
        raise ValueError(f"{len(supervisions)} supervisions where one is expected; cut it into one utterance each")
    supervision = supervisions[0] if supervisions else {}
    return Cut(
        id=str(item["id"]),
        recording=Recording(
            id=str(recording["id"]),
            path=source if source.is_absolute() else folder / source,
            sample_rate=int(recording["sampling_rate"]),
            num_samples=int(recording["num_samples"]),
            num_channels=len(recording.get("channel_ids") or [0]),
        ),
        start=float(item["start"]),
        duration=float(item["duration"]),
        text=str(supervision.get("text") or ""),
        speaker=supervision.get("speaker"),
    )


def _to_lhotse(cut: Cut, folder: Path) -> dict[str, Any]:
    recording = cut.recording
    path = recording.path.resolve()
    channels = list(range(recording.num_channels))
    supervision = {
        "id": cut.id,
        "recording_id": recording.id,
        "start": 0.0,
        "duration": cut.duration,
        "channel": 0,
        "text": cut.text,
        **({"speaker": cut.speaker} if cut.speaker else {}),
    }
    return {
        "id": cut.id,
        "start": cut.start,
        "duration": cut.duration,
        "channel": 0,
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
        "type": "MonoCut",
    }
