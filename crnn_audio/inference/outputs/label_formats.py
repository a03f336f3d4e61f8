"""The labels of a recording in common formats, one function a format."""

from typing import Any

from crnn_audio import console
from crnn_audio.hypotheses import Labels
from crnn_audio.inference.outputs.formats import Formats, in_a_field


def as_text(labels: Labels) -> str:
    """The label and its confidence, and then those of the likeliest classes where several are asked for."""
    ranked = [(one.label, one.confidence) for one in labels.top] if len(labels.top) > 1 else []
    pairs = [(labels.label, labels.confidence), *ranked]
    return "\t".join(f"{in_a_field(label)}\t{confidence:.4f}" for label, confidence in pairs) + "\n"


def as_tsv(labels: Labels) -> str:
    """Path, label and confidence."""
    return f"{in_a_field(labels.path or '-')}\t{in_a_field(labels.label)}\t{labels.confidence:.4f}\n"


def as_jsonl(labels: Labels) -> str:
    """One JSON object on one line."""
    return console.as_json(fields(labels)) + "\n"


def fields(labels: Labels) -> dict[str, Any]:
    """The fields of JSON; seconds and confidences to four places."""
    return {
        "path": labels.path,
        "seconds": round(labels.seconds, 4),
        "label": labels.label,
        "confidence": round(labels.confidence, 4),
        "top": [{"label": one.label, "confidence": round(one.confidence, 4)} for one in labels.top],
    }


FORMATS: Formats = {"text": as_text, "tsv": as_tsv, "jsonl": as_jsonl}
