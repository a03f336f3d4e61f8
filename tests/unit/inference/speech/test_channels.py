"""Channels by themselves: the words of each as of a file of it alone, named in every format."""

import io
import json
from pathlib import Path

import numpy as np
import pytest
import soundfile
import webvtt
from praatio import textgrid

from crnn_audio import audio
from crnn_audio.batching import manifests
from crnn_audio.errors import DataError
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.outputs import formats
from crnn_audio.inference.speech import transcription as module
from tests.bench import sound


@pytest.fixture(scope="module")
def voices(tiny: Path) -> list[np.ndarray]:
    """Two utterances of one length."""
    cuts = manifests.load(tiny / "train.jsonl")[:2]
    found = [audio.read(cut.recording.path, 16000)[0] for cut in cuts]
    return [np.pad(one, (0, max(map(len, found)) - len(one))) for one in found]


def wav(samples: np.ndarray) -> bytes:
    file = io.BytesIO()
    soundfile.write(file, samples, 16000, format="WAV", subtype="FLOAT")
    return file.getvalue()


@pytest.fixture
def both(recognizer, voices: list[np.ndarray]) -> Hypothesis:
    return recognizer.transcribe(wav(np.stack(voices, axis=1)), "each")


@pytest.mark.parametrize("short", [30.0, 0.1])
def test_each_channel_has_the_words_that_it_has_alone(
    recognizer, voices: list[np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch, short: float
) -> None:
    monkeypatch.setattr(module, "SHORT", short)
    path = tmp_path / "call.wav"
    path.write_bytes(wav(np.stack(voices, axis=1)))
    alone = [recognizer.transcribe(wav(voice)) for voice in voices]
    assert alone[0].text != alone[1].text
    together = recognizer.transcribe(path, "each")
    assert [one.text for one in together.channels] == [one.text for one in alone]
    assert [one.channel for one in together.channels] == [1, 2]
    assert together.text == "\n".join(one.text for one in alone)
    assert together.path == str(path)
    assert [word.start for word in together.words] == sorted(word.start for one in alone for word in one.words)
    for name, one in zip(("left", "right"), alone, strict=True):
        assert recognizer.transcribe(path, name).text == one.text
    assert recognizer.transcribe([path, path], "each") == [together, together]


def test_a_channel_that_is_not_there_is_named(recognizer, voices: list[np.ndarray]) -> None:
    single = wav(voices[0])
    assert recognizer.transcribe(single, "left").channel == 1
    assert len(recognizer.transcribe(single, "each").channels) == 1
    with pytest.raises(DataError, match=r"^bytes: it has one channel, and no channel 2\.$"):
        recognizer.transcribe(single, "right")


def test_each_format_names_the_channels(both: Hypothesis, tmp_path: Path) -> None:
    first, second = both.channels
    assert formats.as_text(both) == f"channel 1\t{first.text}\nchannel 2\t{second.text}\n"
    loaded = json.loads(formats.as_json(both))
    assert [(one["channel"], one["text"]) for one in loaded["channels"]] == [(1, first.text), (2, second.text)]
    assert json.loads(formats.as_jsonl(both)) == loaded
    rows = [line.split() for line in formats.as_ctm(both, "x").splitlines()]
    assert [row[4] for row in rows if row[1] == "1"] == [word.text for word in first.words]
    assert [row[4] for row in rows if row[1] == "2"] == [word.text for word in second.words]
    (tmp_path / "x.TextGrid").write_text(formats.as_textgrid(both), encoding="utf-8")
    grid = textgrid.openTextgrid(str(tmp_path / "x.TextGrid"), includeEmptyIntervals=False)
    assert grid.tierNames == ("channel 1", "channel 2")
    assert [entry.label for entry in grid.getTier("channel 2").entries] == [word.text for word in second.words]
    captions = webvtt.from_string(formats.as_vtt(both)).captions
    assert {caption.voice for caption in captions} == {"channel 1", "channel 2"}
    assert [caption.start_in_seconds for caption in captions] == sorted(one.start_in_seconds for one in captions)
    assert "[channel 2] " in formats.as_srt(both)
    header, *table = [line.split("\t") for line in formats.as_tsv(both).splitlines()]
    assert header == ["start", "end", "text", "channel"]
    assert {row[3] for row in table} == {"channel 1", "channel 2"}


def test_remarks_name_the_channel(recognizer, voices: list[np.ndarray]) -> None:
    quiet = np.stack([voices[0], 0.001 * voices[1]], axis=1)
    found = recognizer.transcribe(wav(quiet), "each")
    assert [one.text for one in found.channels][1] == recognizer.transcribe(wav(0.001 * voices[1])).text
    assert len(found.remarks) == 1
    assert found.remarks[0].startswith("bytes, channel 2: very quiet (peak -")


def test_a_few_recordings_of_an4_keep_their_words_in_other_forms(corpus) -> None:
    corpus("an4")
    forms = {name: encode for name, encode in sound.FORMS.items() if not name.startswith("WebM")}
    for row in sound.rows("an4", 3, forms):
        assert row.same == 1, row
