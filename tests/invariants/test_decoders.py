"""Laws 1 and 3 for every decoder: a recording alone as beside others, live as in one piece, long as short."""

import io
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.decoding.options import DecodingOptions
from crnn_audio.errors import StreamError
from crnn_audio.inference.speech import transcription
from crnn_audio.inference.speech.endpoints import Endpoint
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.text import arpa
from crnn_audio.text.ngram import NGram
from tests.invariants.talkative import RATE, recipe, recognizer, sound

WHOLE = Endpoint(silence=float("inf"), longest=float("inf"))
DECODERS = {
    "lexicon": lambda folder: DecodingOptions(lexicon=folder / "words.txt"),
    "words": lambda folder: DecodingOptions(lm=folder / "words.arpa", lm_weight=0.3, word_score=1.0),
    "characters": lambda folder: DecodingOptions(lm=folder / "letters.arpa", lm_weight=0.2, nbest=3),
    "hot words": lambda folder: DecodingOptions(hotwords=folder / "words.txt"),
    "grammar": lambda folder: DecodingOptions(grammar=folder / "sentences.txt"),
    "sentences": lambda folder: DecodingOptions(grammar=folder / "sentences.txt", nbest=3),
    "open vocabulary": lambda folder: DecodingOptions(lm=folder / "words.arpa", lm_weight=0.2, beam=8),
}
if sys.version_info < (3, 13):  # for others there is no wheel
    DECODERS["flashlight"] = lambda folder: DecodingOptions(
        lm=folder / "words.arpa", lm_weight=0.3, word_score=1.0, nbest=3, decoder="flashlight"
    )


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("decoders")
    (path / "words.txt").write_text("ab\nfed\ncab\nhi\nj\nag\n")
    (path / "sentences.txt").write_text("ab cab\nfed\nhi ag j\nj ab\n")
    arpa.write(NGram.train([["ab", "hi", "cab"], ["fed", "j"], ["ag", "ab"]], order=2), path / "words.arpa")
    arpa.write(NGram.train(["ab hi cab fed j ag ab"], order=3, marked=False), path / "letters.arpa")
    return path


def as_file(waveform: np.ndarray) -> bytes:
    held = io.BytesIO()
    soundfile.write(held, waveform, RATE, subtype="FLOAT", format="WAV")
    return held.getvalue()


@pytest.fixture(scope="module")
def live() -> Recognizer:
    return recognizer(recipe())


@pytest.mark.parametrize("name", DECODERS)
def test_every_decoder(live: Recognizer, folder: Path, name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    decoding = live.with_decoding(DECODERS[name](folder))
    waveforms = [sound(seconds, seed) for seed, seconds in enumerate((1.6, 0.4, 2.1))]
    files = [as_file(waveform) for waveform in waveforms]
    together = decoding.transcribe(files)
    assert any(len(one.words) > 1 for one in together), "says next to nothing"
    alone = [decoding.transcribe(one) for one in files]
    assert [one.text for one in alone] == [one.text for one in together]
    for one, other in zip(alone, together, strict=True):
        assert [(w.text, w.start, w.end) for w in one.words] == [(w.text, w.start, w.end) for w in other.words]
        assert [w.confidence for w in one.words] == pytest.approx([w.confidence for w in other.words], rel=1e-3)
        assert [a.text for a in one.alternatives] == [a.text for a in other.alternatives]
    for size in (7_000, 30_000) if name != "flashlight" else ():
        with decoding.stream(RATE, WHOLE) as stream:
            for begin in range(0, len(waveforms[2]), size):
                assert stream.feed(waveforms[2][begin : begin + size]).finals == ()
            finals = stream.flush().finals
        assert [one.text for one in finals] == [together[2].text] * bool(together[2].words)
    if name == "flashlight":
        with pytest.raises(StreamError, match="decoder flashlight reads whole recordings"):
            decoding.stream(RATE)
    monkeypatch.setattr(transcription, "SHORT", 1.0)
    assert decoding.transcribe(files[2]).text == together[2].text
