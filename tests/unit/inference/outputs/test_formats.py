"""Each format read back by a reader that others wrote, or, for CTM, by a strict one of NIST's definition."""

import csv
import html
import io
import json
import re
from itertools import pairwise
from pathlib import Path

import pytest
import webvtt
from hypothesis import given
from hypothesis import strategies as st
from praatio import textgrid

from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.outputs import formats
from crnn_audio.inference.outputs.captions import cues
from crnn_audio.inference.outputs.spans import spans
from crnn_audio.verbs.speech import Format
from tests.unit.inference.hypotheses import Sample, disorderly, hypothesis_of, orderly, quick, said

ANY = st.one_of(orderly(max_words=15), disorderly())
TRICKY = said(
    ("-->", 0.2, 0.6), ("AT&T", 0.6, 1.0), ("<b>", 1.0, 1.4), ('say"', 2.5, 3.0), ("\\n", 3.0, 3.2), seconds=4
)


def test_the_command_line_knows_the_same_formats() -> None:
    assert [form.value for form in Format] == list(formats.FORMATS) == list(formats.SUFFIXES)
    assert len(set(formats.SUFFIXES.values())) == len(formats.SUFFIXES)


@quick
@given(ANY)
def test_text_is_one_line(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    assert formats.as_text(hypothesis) == f"{hypothesis.text}\n"


@quick
@given(ANY)
def test_json(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    loaded = json.loads(formats.as_json(hypothesis))
    assert json.loads(formats.as_jsonl(hypothesis)) == loaded
    assert formats.as_jsonl(hypothesis).count("\n") == 1
    assert list(loaded) == ["path", "seconds", "text", "confidence", "words"]
    assert loaded["text"] == hypothesis.text
    assert [word["text"] for word in loaded["words"]] == [word.text for word in hypothesis.words]
    assert [word["start"] for word in loaded["words"]] == pytest.approx([w.start for w in hypothesis.words], abs=6e-5)
    assert [word["end"] for word in loaded["words"]] == pytest.approx([w.end for w in hypothesis.words], abs=6e-5)


def shown(hypothesis: Hypothesis) -> list[tuple[int, int, list[str]]]:
    return [(cue.start, cue.end, list(cue.lines)) for cue in cues(hypothesis)]


def captions(found: webvtt.WebVTT) -> list[tuple[int, int, list[str]]]:
    return [(whole(one.start_time), whole(one.end_time), one.lines) for one in found.captions]


def whole(time: webvtt.models.Timestamp) -> int:
    return time.in_seconds() * 1000 + time.milliseconds


@quick
@given(ANY)
def test_vtt(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    text = formats.as_vtt(hypothesis)
    read = captions(webvtt.from_string(text))
    assert [(start, end, [html.unescape(line) for line in lines]) for start, end, lines in read] == shown(hypothesis)


def test_vtt_escapes_what_the_standard_says() -> None:
    blocks = formats.as_vtt(TRICKY).split("\n\n")
    assert blocks[:2] == ["WEBVTT", "00:00:00.200 --> 00:00:01.400\n--&gt; AT&amp;T &lt;b&gt;"]
    assert blocks[2] == '00:00:02.500 --> 00:00:03.500\nsay" \\n\n'


@quick
@given(ANY)
def test_srt(tmp_path: Path, sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    (tmp_path / "x.srt").write_text(formats.as_srt(hypothesis), encoding="utf-8")
    read = captions(webvtt.from_srt(str(tmp_path / "x.srt"))) if hypothesis.words else []
    assert read == [
        (start, end, [line.replace("-->", "->") for line in lines]) for start, end, lines in shown(hypothesis)
    ]
    numbers = re.findall(
        r"^(\d+)\n\d\d:\d\d:\d\d,\d{3} --> \d\d:\d\d:\d\d,\d{3}$", formats.as_srt(hypothesis), re.MULTILINE
    )
    assert numbers == [str(number) for number in range(1, len(read) + 1)]


def test_srt_has_no_arrow_but_between_its_times() -> None:
    text = formats.as_srt(TRICKY)
    assert text.count("-->") == 2
    assert "\n-> AT&T <b>\n" in text


def test_clocks_past_an_hour() -> None:
    late = said(("late", 3661.5, 3662.75), seconds=3700)
    assert "01:01:01,500 --> 01:01:02,750" in formats.as_srt(late)
    assert "01:01:01.500 --> 01:01:02.750" in formats.as_vtt(late)


@quick
@given(ANY)
def test_tsv(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    rows = list(csv.reader(io.StringIO(formats.as_tsv(hypothesis)), delimiter="\t", quoting=csv.QUOTE_NONE))
    assert rows[0] == ["start", "end", "text"]
    assert [(int(start), int(end), text) for start, end, text in rows[1:]] == [
        (start, end, " ".join(lines)) for start, end, lines in shown(hypothesis)
    ]


def read_ctm(text: str) -> list[tuple[str, str, float, float, str, float]]:
    """CTM :== <F> <C> <BT> <DUR> word [ <CONF> ], sorted by the first three; lines with ;; are comments."""
    rows = []
    for line in text.split("\n")[:-1]:
        assert not line.startswith(";;"), "a comment"
        name, channel, start, duration, word, confidence = line.split(" ")
        assert "/" not in name
        assert all(re.fullmatch(r"\d+\.\d+", number) for number in (start, duration, confidence))
        assert 0 <= float(confidence) <= 1
        assert name
        assert word
        rows.append((name, channel, float(start), float(duration), word, float(confidence)))
    assert text == "" or text.endswith("\n")
    assert rows == sorted(rows, key=lambda row: row[:3])
    return rows


@quick
@given(ANY)
def test_ctm(sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    rows = read_ctm(formats.as_ctm(hypothesis))
    assert [(row[4], round(1000 * row[2]), round(1000 * (row[2] + row[3]))) for row in rows] == [
        (span.text, span.start, span.end) for span in spans(hypothesis)
    ]
    assert {row[:2] for row in rows} <= {("rec", "1")}


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("a/b/my file.flac", "my%20file"),
        (";;note.wav", "%3B;note"),
        ("100%.wav", "100%25"),
        ("line\nbreak.wav", "line%0Abreak"),
        ("привет.wav", "привет"),
        (None, "recording"),
    ],
)
def test_ctm_names(path: str | None, name: str) -> None:
    spoken = said(("a", 0.0, 0.4), seconds=1.0)
    assert read_ctm(formats.as_ctm(Hypothesis("a", 0.5, spoken.words, 1.0, path)))[0][0] == name


@quick
@given(ANY)
def test_textgrid(tmp_path: Path, sample: Sample) -> None:
    hypothesis = hypothesis_of(sample)
    (tmp_path / "x.TextGrid").write_text(formats.as_textgrid(hypothesis), encoding="utf-8")
    grid = textgrid.openTextgrid(str(tmp_path / "x.TextGrid"), includeEmptyIntervals=True, reportingMode="error")
    tier = grid.getTier("words")
    assert tier.minTimestamp == 0
    assert tier.maxTimestamp == grid.maxTimestamp == pytest.approx(hypothesis.seconds, abs=1e-6)
    assert tier.entries[0].start == 0
    assert tier.entries[-1].end == tier.maxTimestamp
    assert all(one.end == other.start for one, other in pairwise(tier.entries)), "a hole or an overlap"
    assert all(one.start < one.end for one in tier.entries)
    spoken = [one for one in tier.entries if one.label]
    assert [one.label for one in spoken] == [word.text for word in hypothesis.words]
    for one, span in zip(spoken, spans(hypothesis), strict=True):
        assert (one.start, one.end) == pytest.approx((span.start / 1000, span.end / 1000), abs=6e-4)
    assert not any(not one.label and not other.label for one, other in pairwise(tier.entries))


def test_textgrid_doubles_quotes() -> None:
    assert '            text = "say""" \n' in formats.as_textgrid(TRICKY)
    assert "intervals: size = 8 \n" in formats.as_textgrid(TRICKY)


def test_nothing_said_is_a_valid_file_of_each_format() -> None:
    silent = said(seconds=2.0)
    written = {form: write(silent) for form, write in formats.FORMATS.items()}
    assert {form: written[form] for form in ("text", "srt", "vtt", "tsv", "ctm")} == {
        "text": "\n",
        "srt": "",
        "vtt": "WEBVTT\n",
        "tsv": "start\tend\ttext\n",
        "ctm": "",
    }
    assert json.loads(written["json"])["words"] == []
