"""What `generate` and `evaluate` do with a model of text: print or keep what it writes, and weigh what others wrote."""

import json
import sys
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

from crnn_audio.console import report


def write(
    writer: Any,
    model: str,
    out: Path | None,
    num: int,
    primer: str,
    tokens: int | None,
    sampling: Any,
    as_json: bool,
) -> None:
    """Texts, one after the other on standard output as they are drawn, or side by side into files."""
    from crnn_audio.inference.text_files import save, writing
    from crnn_audio.inference.writer import TOKENS

    count = TOKENS if tokens is None else tokens
    for remark in writer.remarks(primer):
        report(remark)
    if out is None and not as_json:
        for place in range(num):
            if num > 1:
                report(f"seed {sampling.seed + place}:")
            _stream(writer.stream(primer=primer, tokens=count, sampling=replace(sampling, seed=sampling.seed + place)))
        return
    seeds = range(sampling.seed, sampling.seed + num)
    paths = writing(out, Path(model).name, seeds) if out else [None] * num
    found = writer.generate_many(num, primer=primer, tokens=count, sampling=sampling)
    for one, path in zip(found, paths, strict=True):
        facts = ({"path": str(path)} if path else {}) | one.as_json()
        if path:
            save(one, path, facts)
        print(json.dumps(facts, ensure_ascii=False) if as_json else _summary(facts))


def _stream(pieces: Any) -> None:
    for piece in pieces:
        sys.stdout.write(piece)
        sys.stdout.flush()
    sys.stdout.write("\n")


def _summary(facts: dict[str, Any]) -> str:
    return f"{facts['path']}: {facts['tokens']} tokens, {facts['nats_per_token']:.2f} nats each, seed {facts['seed']}"


def weigh(model: str, text: Path | None, following: str | None, *, weights: str, device: str, as_json: bool) -> None:
    """How likely a text is, or what may come after one."""
    from crnn_audio.inference.evaluate_text import evaluate_file, next_lines
    from crnn_audio.inference.load import load_writer

    writer = load_writer(model, device=device, weights=weights)
    if text is not None:
        found = evaluate_file(writer, text)
        print(json.dumps(found.as_json()) if as_json else "\n".join(found.lines(model, 0)))
        return
    likely = writer.next(following or "")
    if as_json:
        print("\n".join(json.dumps(asdict(one), ensure_ascii=False) for one in likely))
    else:
        print("\n".join(next_lines(likely, following or "", writer.vocabulary.kind)))
