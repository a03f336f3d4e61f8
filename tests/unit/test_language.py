"""Names and prose are those of the field: words that only this project once used do not come back."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
PROSE = ("README", "CONTRIBUTING", "CHANGELOG", "DECISIONS", "recipes/README", "data/README")
DOCUMENTS = [*(ROOT / f"{name}.md" for name in PROSE), *sorted((ROOT / "docs").glob("*.md"))]
MODULES = sorted((ROOT / "crnn_audio").rglob("*.py"))
TESTS = [path for path in sorted((ROOT / "tests").rglob("*.py")) if path != Path(__file__).resolve()]
PRIVATE = {
    # house verbs, and what the field says
    "told": "given, reported, conditioned on, broadcast",
    "untold": "left out",
    "retold": "transposed context",
    "heard": "input, recognised, hypothesis",
    "drawn": "sampled, plotted",
    "foretold": "predicted",
    "foretell": "predict",
    "foretells": "predicts",
    "wishes": "conditions, prompts",
    "wished": "optional",
    "doubts": "quality checks",
    "mended": "fixed",
    "symptom": "issue",
    "symptoms": "issues",
    "judged": "evaluated, scored",
    "judgement": "scores",
    "listener": "encoder",
    "promise": "truncation",
    "floors": "baselines",
    "stretches": "segments, measures",
    "telling": "console",
    "chainhead": "autoregressive head",
    "rooms": "reverberation, impulse responses",
    "recalled": "copy context",
    "innerhead": "intermediate CTC",
    "moments": "verticalities",
}
ALLOWED = {
    # statistics' own word
    "moments": {
        "features/normalize.py",
        "problems/recordings.py",
        "inference/speech/long.py",
        "invariants/test_padding.py",
        "features/test_normalize.py",
    },
    # the old names of fields and weights, and the changes of them
    "listener": {
        "CHANGELOG.md",
        "config/renames.py",
        "crnn_audio/weights.py",
        "config/test_renames.py",
        "unit/test_runs.py",
    },
    "told": {"crnn_audio/weights.py", "symbolic/conditions.py", "unit/test_runs.py"},
    "untold": {"CHANGELOG.md", "config/renames.py", "config/test_renames.py"},
    "rooms": {"CHANGELOG.md", "config/renames.py", "config/test_renames.py", "cli/test_runs.py"},
}


def found(path: Path) -> list[str]:
    """The private words in a file, each with its line."""
    allowed = {word for word, files in ALLOWED.items() if any(str(path).endswith(one) for one in files)}
    hits = []
    for number, line in enumerate(path.read_text(encoding="utf-8").splitlines(), 1):
        words = re.findall(r"[a-z]+", re.sub(r"([a-z])([A-Z])", r"\1 \2", line).lower())
        hits += [
            f"{path.relative_to(ROOT)}:{number}: {word}" for word in words if word in PRIVATE and word not in allowed
        ]
    return hits


def test_no_private_words() -> None:
    assert len(MODULES) > 100
    assert len(TESTS) > 100
    assert [hit for path in (*DOCUMENTS, *MODULES, *TESTS) for hit in found(path)] == []


def test_a_private_word_is_found(tmp_path, monkeypatch) -> None:
    monkeypatch.setattr("tests.unit.test_language.ROOT", tmp_path)
    (tmp_path / "one.py").write_text("x = 1\nforetold = drawn(Untold)\n")
    assert found(tmp_path / "one.py") == ["one.py:2: foretold", "one.py:2: drawn", "one.py:2: untold"]
