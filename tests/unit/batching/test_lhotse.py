"""Manifests go to Lhotse and come from it: the library itself reads what we write and writes what we read."""

from dataclasses import replace
from pathlib import Path

import pytest

from crnn_audio import audio
from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut, Recording, Segment
from tests import trainings

lhotse = pytest.importorskip("lhotse", reason="the package lhotse is not installed")


@pytest.fixture
def spoken(tmp_path: Path) -> "lhotse.CutSet":
    """Cuts of two recordings, one with two supervisions."""
    beeps = [trainings.beep(tmp_path, name, name, seconds) for name, seconds in (("ab", 1.0), ("c", 0.5))]
    recordings = [lhotse.Recording.from_file(beep.recording.path) for beep in beeps]
    supervisions = [
        lhotse.SupervisionSegment("s-1", "ab", 0.1, 0.4, text="a", speaker="ann", language="English"),
        lhotse.SupervisionSegment("s-2", "ab", 0.5, 0.5, text="b", speaker="bob", custom={"mood": "bold"}),
        lhotse.SupervisionSegment("s-3", "c", 0.0, 0.5, text="c"),
    ]
    return lhotse.CutSet.from_manifests(
        recordings=lhotse.RecordingSet.from_recordings(recordings),
        supervisions=lhotse.SupervisionSet.from_segments(supervisions),
    )


@pytest.mark.parametrize("name", ["cuts.jsonl", "cuts.jsonl.gz"])
def test_what_lhotse_writes_is_read(tmp_path: Path, spoken, name: str) -> None:
    spoken.to_file(tmp_path / name)
    cuts = manifests.load(tmp_path / name)
    assert [(cut.text, cut.speaker, cut.start, cut.duration) for cut in cuts] == [
        ("a", "ann", 0.1, 0.4), ("b", "bob", 0.5, 0.5), ("c", None, 0.0, 0.5),
    ]  # fmt: skip
    alone = spoken.trim_to_supervisions(keep_overlapping=False).to_eager()
    for cut, theirs in zip(cuts, alone, strict=True):
        ours, _ = audio.read(cut.recording.path, start=cut.start, duration=cut.duration)
        assert (ours == theirs.load_audio()[0]).all(), "not the samples that Lhotse cuts out"


@pytest.mark.parametrize("name", ["cuts.jsonl", "cuts.jsonl.gz"])
def test_what_is_written_lhotse_reads(tmp_path: Path, monkeypatch, name: str) -> None:
    stereo = Recording("two", tmp_path / "two.flac", 8000, 4000, 2)
    import numpy as np
    import soundfile

    soundfile.write(stereo.path, np.random.default_rng(0).uniform(-0.5, 0.5, (4000, 2)), 8000)
    beep = trainings.beep(tmp_path, "é b", "héllo", 0.5)
    part = Cut("part", stereo, 0.125, 0.25, "part", "ann")
    manifests.save([beep, part], tmp_path / name)
    monkeypatch.chdir(tmp_path)  # Lhotse counts relative paths from here
    first, second = lhotse.CutSet.from_file(tmp_path / name)
    assert (first.supervisions[0].text, first.num_samples) == ("héllo", 4000)
    assert (second.start, second.duration, second.supervisions[0].speaker) == (0.125, 0.25, "ann")
    ours, _ = audio.read(stereo.path, start=0.125, duration=0.25)
    assert ours == pytest.approx(second.load_audio().mean(axis=0), abs=1e-7)


def test_labels_and_segments_go_to_lhotse_and_come_from_it(tmp_path: Path) -> None:
    beep = trainings.beep(tmp_path, "ab", "ab", 1.0)
    segments = (Segment(0.1, 0.4, "tone"), Segment(0.4, 0.9, "silence"))
    manifests.save([replace(beep, label="beep", segments=segments)], tmp_path / "cuts.jsonl")
    (theirs,) = lhotse.CutSet.from_file(tmp_path / "cuts.jsonl")
    (known,) = theirs.supervisions
    assert known.label == "beep", "a custom field is an attribute there"
    assert [(item.symbol, item.start, item.end) for item in known.alignment["label"]] == [
        ("tone", 0.1, 0.4), ("silence", 0.4, 0.9),
    ]  # fmt: skip
    lhotse.CutSet.from_cuts([theirs]).to_file(tmp_path / "theirs.jsonl")
    (ours,) = manifests.load(tmp_path / "theirs.jsonl")
    assert (ours.label, ours.segments) == ("beep", segments)


def test_what_lhotse_would_change_on_reading_is_refused(tmp_path: Path, spoken) -> None:
    (first, *_) = spoken
    for changed, reason in (
        (first.perturb_speed(1.1), "Speed"),
        (first.resample(16000), "Resample"),
        (first.pad(5), "MixedCut"),
        (first.truncate(offset=0.2, duration=0.5), "reaches out of the cut"),
    ):
        lhotse.CutSet.from_cuts([changed]).to_file(tmp_path / "changed.jsonl")
        with pytest.raises(manifests.DataError, match=reason):
            manifests.load(tmp_path / "changed.jsonl")
