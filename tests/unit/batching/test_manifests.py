"""Manifests as Lhotse spells them: out and in again, movable, and every fault named with its line."""

import gzip
import json
import shutil
import time
from pathlib import Path

import pytest

from crnn_audio.batching import manifests
from crnn_audio.batching.manifests import Cut, Recording, Segment
from crnn_audio.errors import DataError

LHOTSE = {  # what `lhotse cut simple` writes, shortened
    "id": "c-1",
    "start": 0.5,
    "duration": 1.25,
    "channel": [0, 1],
    "supervisions": [
        {
            "id": "s-1",
            "recording_id": "r-1",
            "start": 0.0,
            "duration": 1.25,
            "channel": [0, 1],
            "text": "héllo wörld",
            "language": "English",
            "speaker": "ann",
            "custom": {"mood": "good"},
        }
    ],
    "recording": {
        "id": "r-1",
        "sources": [{"type": "file", "channels": [0, 1], "source": "sound/one.flac"}],
        "sampling_rate": 16000,
        "num_samples": 32000,
        "duration": 2.0,
        "channel_ids": [0, 1],
    },
    "type": "MultiCut",
}
SPOKEN = [  # two of one recording, as `lhotse` 1.33 writes supervisions
    {"id": "s-1", "recording_id": "r-1", "start": 0.25, "duration": 0.5, "channel": 0, "text": "one", "speaker": "ann"},
    {"id": "s-2", "recording_id": "r-1", "start": 0.75, "duration": 0.51, "channel": 0, "text": "two", "gender": "m"},
]


def written(folder: Path, *items: object) -> Path:
    path = folder / "train.jsonl"
    path.write_text("".join((item if isinstance(item, str) else json.dumps(item)) + "\n" for item in items))
    return path


def changed(path: str, value: object) -> dict:
    """The cut of above with one field changed, or left out where the value is `...`."""
    cut = json.loads(json.dumps(LHOTSE))
    *parents, name = path.split(".")
    inside = cut
    for parent in parents:
        inside = inside[int(parent)] if parent.isdigit() else inside[parent]
    if value is ...:
        del inside[name]
    else:
        inside[name] = value
    return cut


def test_a_cut_of_lhotse_is_read(tmp_path) -> None:
    (cut,) = manifests.load(written(tmp_path, LHOTSE, "   "))
    recording = Recording("r-1", tmp_path / "sound" / "one.flac", 16000, 32000, 2)
    assert cut == Cut("c-1", recording, 0.5, 1.25, "héllo wörld", "ann")
    assert recording.duration == 2.0
    assert not cut.is_whole


def test_what_was_saved_is_loaded(tmp_path) -> None:
    inside = Recording("one", tmp_path / "sound" / "one.flac", 8000, 4001)
    outside = Recording("two", tmp_path.parent / "elsewhere" / "two.flac", 44100, 44100, 2)
    cuts = [
        manifests.whole(inside, "a \u2028 \U0001f600 “b”", speaker="ann"),
        Cut("part", inside, 0.125, 0.1, ""),
        manifests.whole(outside, "c"),
    ]
    manifests.save(cuts, tmp_path / "cuts.jsonl")
    assert manifests.load(tmp_path / "cuts.jsonl") == cuts
    assert [cut.is_whole for cut in cuts] == [True, False, True]


def test_labels_and_segments_are_kept(tmp_path) -> None:
    recording = Recording("one", tmp_path / "one.flac", 8000, 8000)
    segments = (Segment(0.0, 0.3, "speech"), Segment(0.1, 0.7, "música"), Segment(0.7, 1.0, ""))
    cuts = [
        Cut("a", recording, 0.0, 1.0, "", label="yes", segments=segments),
        Cut("b", recording, 0.1, 0.5, "b", "ann", label=""),
        Cut("c", recording, 0.1, 0.5, "c", segments=segments[:1]),
    ]
    manifests.save(cuts, tmp_path / "cuts.jsonl")
    assert manifests.load(tmp_path / "cuts.jsonl") == cuts
    manifests.save([manifests.whole(recording, "a")], tmp_path / "cuts.jsonl")
    assert "custom" not in (tmp_path / "cuts.jsonl").read_text(), "files without labels are as they always were"
    assert "alignment" not in (tmp_path / "cuts.jsonl").read_text()


def test_segments_of_several_supervisions_count_from_their_cuts(tmp_path) -> None:
    aligned = [
        item | {"alignment": {"label": [["tone", item["start"] + 0.1, 0.2, 0.9]], "word": []}} for item in SPOKEN
    ]
    mono = changed("recording.channel_ids", [0]) | {"channel": 0, "type": "MonoCut", "supervisions": aligned}
    for cut in manifests.load(written(tmp_path, mono)):
        assert cut.segments == (Segment(0.1, 0.3, "tone"),)


def test_a_corpus_is_moved_as_a_whole(tmp_path) -> None:
    (tmp_path / "here" / "sound").mkdir(parents=True)
    recording = Recording("one", tmp_path / "here" / "sound" / "one.flac", 8000, 4000)
    manifests.save([manifests.whole(recording, "a")], tmp_path / "here" / "cuts.jsonl")
    assert str(tmp_path) not in (tmp_path / "here" / "cuts.jsonl").read_text()
    shutil.move(tmp_path / "here", tmp_path / "there")
    (cut,) = manifests.load(tmp_path / "there" / "cuts.jsonl")
    assert cut.recording.path == tmp_path / "there" / "sound" / "one.flac"


@pytest.mark.parametrize("supervisions", [[], None, ..., [{"id": "s"}], [{"id": "s", "text": None}]])
def test_no_text_is_an_empty_text(tmp_path, supervisions) -> None:
    assert manifests.load(written(tmp_path, changed("supervisions", supervisions)))[0].text == ""


def test_a_byte_order_mark_is_no_part_of_the_first_line(tmp_path) -> None:
    path = written(tmp_path, LHOTSE)
    path.write_bytes(b"\xef\xbb\xbf" + path.read_bytes())
    assert manifests.load(path)[0].id == "c-1"


def test_lines_end_where_json_says(tmp_path) -> None:
    """U+2028 and U+0085 may stand raw in a JSON string and end no line."""
    cut = changed("supervisions.0.text", "a\u2028b\u0085c")
    (tmp_path / "cuts.jsonl").write_text(json.dumps(cut, ensure_ascii=False) + "\r\n", encoding="utf-8")
    assert manifests.load(tmp_path / "cuts.jsonl")[0].text == "a\u2028b\u0085c"


def test_supervisions_become_cuts_of_their_own(tmp_path) -> None:
    mono = changed("recording.channel_ids", [0]) | {"channel": 0, "type": "MonoCut", "supervisions": SPOKEN}
    first, second = manifests.load(written(tmp_path, mono))
    recording = Recording("r-1", tmp_path / "sound" / "one.flac", 16000, 32000)
    assert first == Cut("s-1", recording, 0.75, 0.5, "one", "ann")
    assert second == Cut("s-2", recording, 1.25, 0.5, "two"), "what reaches out by a hundredth is cut off"


def test_a_gzipped_manifest_is_the_same(tmp_path, monkeypatch) -> None:
    cuts = manifests.load(written(tmp_path, LHOTSE))
    manifests.save(cuts, tmp_path / "cuts.jsonl.gz")
    assert gzip.decompress((tmp_path / "cuts.jsonl.gz").read_bytes()).startswith(b'{"id": "c-1"')
    assert manifests.load(tmp_path / "cuts.jsonl.gz") == cuts
    before = (tmp_path / "cuts.jsonl.gz").read_bytes()
    monkeypatch.setattr(time, "time", lambda: 1e9)
    manifests.save(cuts, tmp_path / "cuts.jsonl.gz")
    assert (tmp_path / "cuts.jsonl.gz").read_bytes() == before, "the time is in it"
    for damaged in (before[:-9], b"\x1f\x8b" + before[9:], b"not gzip"):
        (tmp_path / "cuts.jsonl.gz").write_bytes(damaged)
        with pytest.raises(DataError, match="cannot be read"):
            manifests.load(tmp_path / "cuts.jsonl.gz")


def test_several_channels_are_said_as_lhotse_says_them(tmp_path) -> None:
    """Its MonoCut is one channel; ours is the mean of all, so of several it is a MultiCut."""
    for channels, kind, channel in ((1, "MonoCut", 0), (2, "MultiCut", [0, 1])):
        cut = manifests.whole(Recording("r", tmp_path / "r.wav", 8000, 800, channels), "a")
        manifests.save([cut], tmp_path / "cuts.jsonl")
        item = json.loads((tmp_path / "cuts.jsonl").read_text())
        assert (item["type"], item["channel"], item["supervisions"][0]["channel"]) == (kind, channel, channel)
        assert manifests.load(tmp_path / "cuts.jsonl") == [cut]


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (json.dumps(LHOTSE), True),
        (json.dumps(LHOTSE["recording"]), True),
        ('\n{"path": "a.wav", "text": "a"}', False),
        ("path,text\na.wav,a\n", False),
        ("", False),
        ("[1]", False),
    ],
)
def test_what_is_lhotses_is_recognised_by_its_first_line(tmp_path, content, expected) -> None:
    (tmp_path / "x.jsonl").write_text(content)
    assert manifests.is_manifest(tmp_path / "x.jsonl") is expected
    (tmp_path / "x.jsonl.gz").write_bytes(gzip.compress(content.encode()))
    assert manifests.is_manifest(tmp_path / "x.jsonl.gz") is expected
    assert not manifests.is_manifest(tmp_path / "none.jsonl")


# ---------------------------------------------------------------------------------------- faults


def segment(start: float, duration: float) -> dict:
    return changed("supervisions.0.alignment", {"label": [["s", start, duration]]})


FAULTS = {
    "half a line": ('{"id": "c-2", "start"', "line 2: not a JSON object"),
    "a list": ("[1, 2]", "line 2: not a cut"),
    "a number": ("3", "line 2: not a cut"),
    "no id": (changed("id", ...), "line 2: the cut has no field 'id'"),
    "no recording": (changed("recording", ...), "line 2: the cut has no field 'recording'"),
    "no start": (changed("start", ...), "line 2: the cut has no field 'start'"),
    "no duration": (changed("duration", ...), "line 2: the cut has no field 'duration'"),
    "no rate": (changed("recording.sampling_rate", ...), "line 2: the cut has no field 'sampling_rate'"),
    "no length": (changed("recording.num_samples", ...), "line 2: the cut has no field 'num_samples'"),
    "no source": (changed("recording.sources", []), "line 2: not a cut"),
    "a wordy duration": (changed("duration", "long"), "line 2: not a cut"),
    "no number": (changed("duration", float("nan")), "line 2: .*duration"),
    "endless": (changed("duration", float("inf")), "line 2: .*duration"),
    "no length at all": (changed("duration", 0), "line 2: .*duration"),
    "backwards": (changed("duration", -1.0), "line 2: .*duration"),
    "before the start": (changed("start", -0.1), "line 2: .*start"),
    "past the end": (changed("duration", 1.6), "line 2: .*2.1.* s.*2.0"),
    "no samples a second": (changed("recording.sampling_rate", 0), "line 2: .*sampling_rate"),
    "two supervisions without times": (
        changed("supervisions", [{"id": "a"}, {"id": "b"}]),
        "line 2: .* no field 'start'",
    ),
    "one channel of two": (
        changed("channel", 1),
        "line 2: .*the cut is channel 1 of 2, and channels are averaged here",
    ),
    "speech on one channel": (changed("supervisions.0.channel", 0), "line 2: .*a supervision is channel 0 of 2"),
    "a mix": (changed("type", "MixedCut"), "line 2: .*a MixedCut; only cuts of one recording are read"),
    "padding": (changed("type", "PaddingCut"), "line 2: .*a PaddingCut"),
    "a changed recording": (
        changed("recording.transforms", [{"name": "Speed", "kwargs": {"factor": 1.1}}]),
        r"line 2: .*its recording is changed on reading \(Speed\)",
    ),
    "a command": (
        changed("recording.sources", [{"type": "command", "channels": [0], "source": "sph2pipe x.sph"}]),
        r"line 2: .*1 sources \(command\); it should be one file",
    ),
    "a file for each channel": (
        changed("recording.sources", [{"type": "file", "source": name} for name in ("l.wav", "r.wav")]),
        r"line 2: .*2 sources \(file, file\); it should be one file",
    ),
    "words before the cut": (changed("supervisions.0.start", -0.3), "line 2: .*from -0.30 to 0.95 s reaches out of"),
    "words after the cut": (
        changed("supervisions.0.duration", 1.4),
        "line 2: .*to 1.40 s reaches out of the cut",
    ),
    "a recording": (LHOTSE["recording"], "line 2: .*a recording; join recordings and supervisions"),
    "a supervision": (LHOTSE["supervisions"][0], "line 2: .*a supervision; join recordings and supervisions"),
    "half a character": (changed("supervisions.0.text", "\ud83d"), "line 2: not a cut"),
    "half a character in a label": (changed("supervisions.0.custom", {"label": "\ud83d"}), "line 2: not a cut"),
    "a segment before the cut": (
        segment(-0.1, 0.3),
        "line 2: .*'s' from -0.10 to 0.20 s; segments lie within the 1.25 s",
    ),
    "a segment after the cut": (segment(1.1, 0.3), "line 2: .*'s' from 1.10 to 1.40 s"),
    "a segment without length": (segment(1.1, 0.0), "line 2: .*'s' from 1.10 to 1.10 s"),
    "a segment that is no number": (segment(0.0, float("nan")), "line 2: .*'s' from 0.00 to nan s"),
    "a segment without a time": (changed("supervisions.0.alignment", {"label": [["s"]]}), "line 2: not a cut"),
    "an alignment of another form": (changed("supervisions.0.alignment", ["label"]), "line 2: not a cut"),
    "a nested supervision": (changed("supervisions", ["text"]), "line 2: not a cut"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_fault_is_named_with_its_line(tmp_path, fault) -> None:
    item, message = FAULTS[fault]
    path = written(tmp_path, changed("id", "first"), item)
    with pytest.raises(DataError, match=message) as raised:
        manifests.load(path)
    assert str(raised.value).startswith(f"{path}, ")
    assert "\n" not in str(raised.value)


def test_repeated_ids_are_named(tmp_path) -> None:
    path = written(tmp_path, *(changed("id", name) for name in "abcadbe"))
    with pytest.raises(DataError, match=r"2 ids stand more than once \('a', 'b'\)"):
        manifests.load(path)


def test_a_missing_an_empty_and_a_foreign_file(tmp_path) -> None:
    with pytest.raises(DataError, match="no such manifest"):
        manifests.load(tmp_path / "none.jsonl")
    with pytest.raises(DataError, match="the manifest is empty"):
        manifests.load(written(tmp_path, "", "  "))
    (tmp_path / "latin.jsonl").write_bytes(json.dumps(LHOTSE, ensure_ascii=False).encode("latin-1"))
    with pytest.raises(DataError, match="UTF-8"):
        manifests.load(tmp_path / "latin.jsonl")
    with pytest.raises(DataError, match="cannot be read"):
        manifests.load(tmp_path)


def test_the_last_sample_may_be_rounded(tmp_path) -> None:
    """Lhotse rounds durations to eight decimals: 22051 samples are 1.00004535 s, which is 0.003 samples more."""
    recording = {**LHOTSE["recording"], "sampling_rate": 22050, "num_samples": 22051, "duration": 1.00004535}
    cut = changed("recording", recording) | {"start": 0.0, "duration": 1.00004536, "supervisions": []}
    assert manifests.load(written(tmp_path, cut))[0].is_whole
