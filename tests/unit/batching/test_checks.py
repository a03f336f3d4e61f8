"""What is wrong with data is said before training: which cut, why, what to do; and remembered by size and time."""

import json
import os
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio import audio
from crnn_audio.batching import checks
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.errors import DataError
from crnn_audio.text.vocabulary import Vocabulary

RATE = 8000


def cut(folder: Path, name: str, samples: int = 800, text: str = "a", *, loud: float = 0.1) -> Cut:
    sound = loud * np.random.default_rng(0).standard_normal(samples)
    soundfile.write(folder / f"{name}.wav", sound, RATE, subtype="PCM_16")
    return whole(Recording(name, folder / f"{name}.wav", RATE, samples), text)


def problem(*cuts: Cut, cache: Path | None = None) -> str:
    (finding,) = checks.unreadable(cuts, cache)
    return str(finding)


def test_fine_audio_is_no_finding(tmp_path) -> None:
    assert checks.unreadable([cut(tmp_path, "a"), cut(tmp_path, "b")]) == []


def test_each_fault_of_a_file_names_cut_path_and_reason(tmp_path) -> None:
    missing, empty, noise, silent = (cut(tmp_path, name) for name in ("missing", "empty", "noise", "silent"))
    missing.recording.path.unlink()
    empty.recording.path.write_bytes(b"")
    noise.recording.path.write_bytes(b"not audio at all" * 9)
    soundfile.write(silent.recording.path, np.zeros(800), RATE)
    assert "cut 'missing'" in problem(missing)
    assert "no such file" in problem(missing)
    assert "empty (0 bytes)" in problem(empty)
    assert "not audio" in problem(noise)
    assert "digital silence" in problem(silent)
    assert all(str(one.recording.path) in problem(one) for one in (missing, empty, noise, silent))


@pytest.mark.parametrize("found", [400, 1600])
def test_a_length_that_the_manifest_does_not_have_is_found(tmp_path, found) -> None:
    """A longer file would go unnoticed above the budget of its batch, a shorter one would fail in mid-training."""
    one = cut(tmp_path, "a")
    cut(tmp_path, "a", found)
    assert f"holds {found / RATE:.2f} s, but the manifest has 0.10 s" in problem(one)


def test_what_was_found_is_remembered_until_the_file_changes(tmp_path, monkeypatch) -> None:
    cache, fine, bad = tmp_path / "cache" / "checked.json", cut(tmp_path, "a"), cut(tmp_path, "b")
    bad.recording.path.write_bytes(b"garbage")
    read = []
    original = audio.read
    monkeypatch.setattr(audio, "read", lambda path, **rest: read.append(Path(path).stem) or original(path, **rest))
    first = checks.unreadable([fine, bad], cache)
    assert read == ["a", "b"]
    assert checks.unreadable([fine, bad], cache) == first
    assert read == ["a", "b"]
    cut(tmp_path, "b")
    os.utime(bad.recording.path, ns=(1, 1))
    assert checks.unreadable([fine, bad], cache) == []
    assert read == ["a", "b", "b"]


def test_a_fixed_manifest_is_not_held_to_what_was_found_before(tmp_path) -> None:
    cache, fine = tmp_path / "checked.json", cut(tmp_path, "a", 400)
    wrong = whole(Recording("a", fine.recording.path, RATE, 800), "a")
    assert "the manifest has 0.10 s" in problem(wrong, cache=cache)
    assert checks.unreadable([fine], cache) == []
    assert "the manifest has 0.10 s" in problem(wrong, cache=cache)


def test_a_missing_file_is_looked_for_every_time(tmp_path) -> None:
    cache, one = tmp_path / "checked.json", cut(tmp_path, "a")
    content = one.recording.path.read_bytes()
    one.recording.path.unlink()
    assert "no such file" in problem(one, cache=cache)
    one.recording.path.write_bytes(content)
    assert checks.unreadable([one], cache) == []


@pytest.mark.parametrize("content", ["", "garbage", "[1, 2]", "3", '{"PATH": [1]}', '{"PATH": 7}'])
def test_a_damaged_cache_costs_time_and_nothing_else(tmp_path, content) -> None:
    cache, one = tmp_path / "checked.json", cut(tmp_path, "a")
    cache.write_text(content.replace("PATH", str(one.recording.path)))
    assert checks.unreadable([one], cache) == []
    assert str(one.recording.path) in json.loads(cache.read_text())


def test_a_cache_that_cannot_be_written_stops_nothing(tmp_path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert checks.unreadable([cut(tmp_path, "a")], tmp_path / "file" / "checked.json") == []


def test_progress_is_reported(tmp_path) -> None:
    reported = []
    checks.unreadable(
        [cut(tmp_path, "a"), cut(tmp_path, "b")], progress=lambda done, total: reported.append((done, total))
    )
    assert reported == [(1, 2), (2, 2)]


def test_empty_transcripts(tmp_path) -> None:
    cuts = [cut(tmp_path, "a", text=""), cut(tmp_path, "b", text="\t "), cut(tmp_path, "c", text="x")]
    assert [finding.cut_id for finding in checks.empty(cuts)] == ["a", "b"]
    assert "its transcript is empty" in str(checks.empty(cuts)[0])


def test_infeasible_counts_tokens_and_repeats(tmp_path) -> None:
    cuts = [cut(tmp_path, name) for name in "abc"]
    targets = [[2, 2, 3], [2, 3, 2], []]
    assert checks.infeasible(cuts, targets, [4, 3, 0], 4) == []
    assert [finding.cut_id for finding in checks.infeasible(cuts, targets, [3, 2, 0], 4)] == ["a", "b"]
    assert "3 tokens with 1 repeats need at least 4 frames" in str(checks.infeasible(cuts, targets, [3, 2, 0], 4)[0])


def test_unknown_symbols(tmp_path) -> None:
    vocabulary = Vocabulary.build(["abc"], "characters")
    (finding,) = checks.unknown_symbols(
        [cut(tmp_path, "a", text="abc"), cut(tmp_path, "b", text="zaéz")], vocabulary.unknown
    )
    assert str(finding) == "cut 'b': its transcript has 'z', 'é', unknown to the vocabulary."


def test_too_long_counts_the_slowest_speed(tmp_path) -> None:
    cuts = [cut(tmp_path, "a", 8000), cut(tmp_path, "b", 8100)]
    (finding,) = checks.too_long(cuts, 0.5, 2.0)
    assert finding.cut_id == "b"
    assert "data.batch_seconds (2)" in str(finding)


def test_one_in_a_hundred_is_tolerated_and_no_more() -> None:
    found = [Finding(f"c{index}", "broken.") for index in range(12)]
    checks.refuse_if_many([], 0, "corpus")
    checks.refuse_if_many(found[:2], 200, "corpus")
    checks.refuse_if_many([found[0], found[0], found[1]], 200, "corpus")
    with pytest.raises(DataError, match=r"corpus: 3 of 200 cuts cannot be used\n  cut 'c0': broken\.\n"):
        checks.refuse_if_many(found[:3], 200, "corpus")
    with pytest.raises(DataError, match=r"12 of 1 cuts") as raised:
        checks.refuse_if_many(found, 1, "corpus")
    assert str(raised.value).count("\n") == 11
    assert str(raised.value).endswith("...")


def test_what_is_adjusted_is_counted_with_the_first_and_remembered(tmp_path) -> None:
    cuts = [cut(tmp_path, name) for name in "abc"]
    for one in cuts[1:]:
        soundfile.write(one.recording.path, np.full(one.recording.num_samples, 0.003), RATE)
    cache = tmp_path / "checked.json"
    for _ in range(2):
        adjusted = checks.Adjusted()
        assert checks.unreadable(cuts, cache, on_adjusted=adjusted) == []
        assert adjusted.lines() == (
            "2 recordings are adjusted when read, such as 'b': very quiet (peak -50 dB); raised to -10 dB.",
        )
    assert checks.Adjusted().lines() == ()


# ------------------------------------------------------------------------------------------- many files, interruptions


def test_processes_find_what_one_does_in_the_same_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts = [cut(tmp_path, f"{number}", 80) for number in range(9)]
    for number in (2, 7):
        cuts[number].recording.path.write_bytes(b"noise")
    alone = checks.unreadable(cuts)
    assert [one.cut_id for one in alone] == ["2", "7"]
    monkeypatch.setattr(checks, "MANY", 3)
    assert checks.unreadable(cuts) == alone


@pytest.mark.parametrize("many", [3, 64])
def test_an_interrupted_check_goes_on_where_it_was(tmp_path: Path, monkeypatch: pytest.MonkeyPatch, many: int) -> None:
    cuts, cache = [cut(tmp_path, f"{number}", 80) for number in range(9)], tmp_path / "cache.json"

    def interrupted(done: int, of: int) -> None:
        if done == 5:
            raise KeyboardInterrupt

    monkeypatch.setattr(checks, "MANY", many)
    with pytest.raises(KeyboardInterrupt):
        checks.unreadable(cuts, cache, interrupted)
    assert len(json.loads(cache.read_text())) == 5
    monkeypatch.setattr(checks, "MANY", 64)
    seen = list[str]()
    monkeypatch.setattr(checks, "_problem", lambda one, on_adjustment: seen.append(one.id))
    assert checks.unreadable(cuts, cache) == []
    assert seen == ["5", "6", "7", "8"]


def test_a_cache_is_kept_while_it_grows(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(checks, "SECONDS", 0.0)
    cuts, cache = [cut(tmp_path, f"{number}", 80) for number in range(3)], tmp_path / "cache.json"
    there = list[bool]()
    checks.unreadable(cuts, cache, lambda done, of: there.append(cache.exists()))
    assert there == [False, True, True]
