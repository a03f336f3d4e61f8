"""Laws 3 and 4 of the whole way from samples to words: any chunking equals offline, and look-ahead is what is said."""

import io
from collections.abc import Sequence

import numpy as np
import pytest
import soundfile
import torch
from torch import Tensor

from crnn_audio import audio
from crnn_audio.config.schema import Recipe
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.errors import StreamError
from crnn_audio.evaluation.show import show
from crnn_audio.features import stream as sound_stream
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.endpoints import Endpoint
from crnn_audio.inference.speech.stream import Stream
from tests.invariants.small import CELLS, TIMES
from tests.invariants.talkative import RATE, TOKENS, offline, recipe, recognizer, sound

FRONT_ENDS = ["fbank", "log_mel", "mfcc"]
WHOLE = Endpoint(silence=float("inf"), longest=float("inf"))
"""One utterance, however long, as offline."""


def chunkings(total: int, seed: int = 0) -> list[list[int]]:
    """All at once among empty blocks; blocks of a live stream; of any size, many of them tiny."""
    random, sizes = np.random.default_rng(seed), [0]
    while (left := total - sum(sizes)) > 0:
        size = int(random.choice([0, 1, random.integers(0, 300), random.integers(500, 4000)]))
        sizes.append(min(size, left))
    even = [3000] * (total // 3000)
    return [[0, 0, total, 0], [*even, total - sum(even)], sizes]


class Feeder:
    """Feeds a stream and keeps what it says, down to its log-probabilities."""

    def __init__(self, stream: Stream, monkeypatch: pytest.MonkeyPatch) -> None:
        self.stream, self.log_probs, self.finals = stream, list[Tensor](), list[Hypothesis]()
        step = stream.task.step

        def kept(*arguments: object, **options: object) -> object:
            found, carry = step(*arguments, **options)
            if self.turn:
                self.log_probs.append(found[0])
            return found, carry

        self.turn = False
        monkeypatch.setattr(stream.task, "step", kept)

    def feed(self, block: np.ndarray | None) -> None:
        self.turn = True
        self.finals.extend((self.stream.flush() if block is None else self.stream.feed(block)).finals)
        self.turn = False

    def feed_all(self, waveform: np.ndarray, sizes: Sequence[int]) -> Tensor:
        for block in np.split(waveform, np.cumsum(sizes)[:-1]):
            self.feed(block)
        self.feed(None)
        return torch.cat(self.log_probs)


def in_double(monkeypatch: pytest.MonkeyPatch) -> None:
    """Streams, which take float32 samples, go on in float64."""
    step = sound_stream.step
    monkeypatch.setattr(
        sound_stream, "step", lambda front, samples, *rest, **options: step(front, samples.double(), *rest, **options)
    )


def same(found: Hypothesis, wanted: Hypothesis) -> bool:
    """But for rounding, and half a sample of 16 kHz to which resampling rounds the length, where a word is cut off."""
    return (
        (found.text, len(found.words)) == (wanted.text, len(wanted.words))
        and found.confidence == pytest.approx(wanted.confidence, rel=1e-4)
        and found.seconds == pytest.approx(wanted.seconds, abs=0.5 / RATE)
        and all(
            (one.text, one.start) == (other.text, other.start)
            and one.end == pytest.approx(other.end, abs=0.5 / RATE)
            and one.confidence == pytest.approx(other.confidence, rel=1e-4)
            for one, other in zip(found.words, wanted.words, strict=True)
        )
    )


# ---------------------------------------------------------------------------------------- law 3


@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("normalize", ["global", "none"])
@pytest.mark.parametrize("front", FRONT_ENDS)
@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru"])
@torch.no_grad()
def test_any_chunking_equals_offline(monkeypatch, kind: str, front: str, normalize: str, time_padding: str) -> None:
    made = recipe(front, kind, features={"normalize": normalize}, conv_time=time_padding)
    model = recognizer(made, double=True)
    in_double(monkeypatch)
    waveform = sound(0.513)
    whole = offline(model.task, torch.from_numpy(waveform).double())
    assert len(whole) >= 10
    assert float(whole.std(dim=0).min()) > 0.1, "the outputs say nothing"
    for sizes in chunkings(len(waveform)):
        with monkeypatch.context() as patch:
            found = Feeder(model.stream(RATE, WHOLE), patch).feed_all(waveform, sizes)
        torch.testing.assert_close(found, whole, rtol=0, atol=1e-9)


@torch.no_grad()
def test_sample_by_sample_equals_offline(monkeypatch) -> None:
    model = recognizer(recipe(recurrent={"look_ahead": 1}), double=True)
    in_double(monkeypatch)
    waveform = sound(0.045)
    found = Feeder(model.stream(RATE, WHOLE), monkeypatch).feed_all(waveform, [1] * len(waveform))
    whole = offline(model.task, torch.from_numpy(waveform).double())
    assert len(whole) == 2
    torch.testing.assert_close(found, whole, rtol=0, atol=1e-9)


@pytest.mark.parametrize("rate", [8000, 22050, 44100, 48000])
@pytest.mark.parametrize(("front", "normalize"), [("fbank", "global"), ("log_mel", "none"), ("mfcc", "global")])
def test_words_times_and_confidences_are_those_of_transcribe(rate: int, front: str, normalize: str) -> None:
    waveform, file = sound(1.37, seed=rate, rate=rate), io.BytesIO()
    taught = audio.resample(waveform, rate, RATE)
    model = recognizer(recipe(front, "gru", features={"normalize": normalize}), taught=taught)
    soundfile.write(file, waveform, rate, format="WAV", subtype="FLOAT")
    wanted = model.transcribe(file.getvalue())
    assert len(wanted.text) > 3
    assert len(wanted.words) > 1
    for sizes in chunkings(len(waveform), seed=rate):
        with model.stream(rate, WHOLE) as stream:
            for block in np.split(waveform, np.cumsum(sizes)[:-1]):
                assert stream.feed(block).finals == ()
            result = stream.flush()
        assert result.text == ""
        (final,) = result.finals
        assert same(final, wanted)
        assert result.seconds == len(waveform) / rate


def test_where_utterances_end_does_not_depend_on_the_blocks() -> None:
    rate = 44100
    waveform, runs = sound(3.0, seed=1, rate=rate), []
    model = recognizer(recipe(), taught=audio.resample(waveform, rate, RATE))
    for sizes in chunkings(len(waveform)):
        stream, finals = model.stream(rate, Endpoint(silence=0.16, longest=1.5)), []
        for block in np.split(waveform, np.cumsum(sizes)[:-1]):
            finals += stream.feed(block).finals
        runs.append([*finals, *stream.flush().finals])
    assert len(runs[0]) >= 3
    for finals in runs[1:]:
        assert len(finals) == len(runs[0])
        assert all(same(*pair) for pair in zip(finals, runs[0], strict=True))


@pytest.mark.parametrize("front", FRONT_ENDS)
@torch.no_grad()
def test_streams_on_one_model_do_not_disturb_each_other(monkeypatch, front: str) -> None:
    model = recognizer(recipe(front, "lstm"), double=True)
    in_double(monkeypatch)
    waveforms = [sound(0.7, seed) for seed in (1, 2, 3)]
    feeders = [Feeder(model.stream(RATE, WHOLE), monkeypatch) for _ in waveforms]
    waiting = [
        [*np.split(one, np.cumsum(chunkings(len(one), seed)[2])[:-1]), None] for seed, one in enumerate(waveforms)
    ]
    order = np.random.default_rng(0)
    while any(waiting):
        turn = int(order.integers(3))
        if waiting[turn]:
            feeders[turn].feed(waiting[turn].pop(0))
    for feeder, waveform in zip(feeders, waveforms, strict=True):
        whole = offline(model.task, torch.from_numpy(waveform).double())
        torch.testing.assert_close(torch.cat(feeder.log_probs), whole, rtol=0, atol=1e-9)
        paths = Greedy().decode(whole.unsqueeze(0), torch.tensor([len(whole)]))
        assert same(feeder.finals[0], model.hypothesis(paths[0], len(waveform) / RATE))


@pytest.mark.parametrize("front", FRONT_ENDS)
@pytest.mark.parametrize("samples", [0, 1, 79, 80, 100, 641])
def test_a_very_short_stream_ends_as_offline_or_says_nothing(monkeypatch, front: str, samples: int) -> None:
    model = recognizer(recipe(front, conv_time="valid" if samples == 100 else "same"))
    waveform = sound(0.1)[:samples]
    feeder = Feeder(model.stream(RATE), monkeypatch)
    found = feeder.feed_all(waveform, [0, samples, 0])
    if samples:
        with torch.inference_mode():
            whole = offline(model.task, torch.from_numpy(waveform))
        torch.testing.assert_close(found, whole, rtol=1e-4, atol=1e-4)
    else:
        assert found.shape == (0, len(TOKENS))
    assert len(feeder.finals) <= (samples > 0)


@pytest.mark.parametrize("rate", [8000, 44100, 48000])
@pytest.mark.parametrize("samples", [0, 1, 100])
def test_a_very_short_stream_of_any_rate_says_nothing_and_ends(rate: int, samples: int) -> None:
    for front in ("fbank", "log_mel"):
        with recognizer(recipe(front)).stream(rate) as stream:
            assert stream.feed(sound(0.1)[:samples]).text == ""
            result = stream.flush()
        assert len(result.finals) <= 1
        assert result.seconds == samples / rate


@pytest.mark.parametrize("kind", ["tanh", "lstm", "gru", "tcn"])
def test_bfloat16_streams_too(monkeypatch, kind: str) -> None:
    model = recognizer(recipe("fbank", kind, precision="bf16"))
    waveform = sound(1.0)
    with torch.inference_mode():
        whole = offline(model.task, torch.from_numpy(waveform))
    for sizes in chunkings(len(waveform)):
        with monkeypatch.context() as patch:
            found = Feeder(model.stream(RATE, WHOLE), patch).feed_all(waveform, sizes)
        assert found.dtype == torch.float32
        assert float((found.exp() - whole.exp()).abs().mean()) < 0.02


# ---------------------------------------------------------------------------------------- law 4


@pytest.mark.parametrize("look_ahead", [0, 3])
@pytest.mark.parametrize("time_padding", TIMES)
@pytest.mark.parametrize("front", FRONT_ENDS)
def test_a_frame_is_said_as_soon_as_the_look_ahead_of_show_is_fed(
    monkeypatch, front: str, time_padding: str, look_ahead: int
) -> None:
    made = recipe(front, "gru", conv_time=time_padding, recurrent={"look_ahead": look_ahead})
    model = recognizer(made, double=True)
    in_double(monkeypatch)
    ahead = show(made).figures["look_ahead_ms"] * RATE / 1000
    assert ahead == int(ahead)
    waveform, fed = sound(0.6), 0
    feeder = Feeder(model.stream(RATE, WHOLE), monkeypatch)
    for u in (1, 2, 4):
        horizon = u * 640 + int(ahead)
        for until, count in ((horizon - 1, u), (horizon, u + 1)):
            feeder.feed(waveform[fed:until])
            fed = until
            assert sum(len(one) for one in feeder.log_probs) == count


@pytest.mark.parametrize("front", FRONT_ENDS)
@pytest.mark.parametrize("kind", CELLS)
def test_gradients_reach_back_from_the_look_ahead_of_show_and_not_beyond(kind: str, front: str) -> None:
    made = recipe(front, kind, recurrent={"look_ahead": 3})
    task = recognizer(made, double=True).task
    samples = torch.from_numpy(sound(0.6)).double().requires_grad_()
    horizon = 2 * 640 + round(show(made).figures["look_ahead_ms"] * RATE / 1000)
    features, lengths = task.front_end(samples.unsqueeze(0), torch.tensor([len(samples)]))
    frame = task.encode(task.normalizer(features, lengths), lengths).frames[0, 2]
    (gradient,) = torch.autograd.grad((frame * torch.randn_like(frame)).sum(), samples)
    assert horizon < len(samples) - 100
    assert gradient[horizon - 1] != 0
    assert (gradient[horizon:] == 0).all()
    assert (gradient[640:horizon] != 0).all()


# ---------------------------------------------------------------------------------------- refusals


@pytest.mark.parametrize(
    ("made", "message"),
    [
        (recipe(recurrent={"bidirectional": True, "look_ahead": 0}), "bidirectional and cannot stream"),
        (recipe("mel"), "Mel features .* use fbank, log_mel or mfcc"),
        (recipe(features={"normalize": "utterance"}), "normalize=global or none"),
    ],
)
def test_what_cannot_stream_says_so(made: Recipe, message: str) -> None:
    with pytest.raises(StreamError, match=message) as raised:
        recognizer(made).stream(RATE)
    assert raised.value.exit_code == 6


def test_a_stream_that_ended_takes_no_more() -> None:
    model = recognizer(recipe())
    stream = model.stream(RATE)
    stream.feed(sound(0.1))
    stream.flush()
    for more in (lambda: stream.feed(sound(0.1)), lambda: stream.feed(sound(0.1)[:0]), stream.flush):
        with pytest.raises(StreamError, match="this stream has ended; open another one"):
            more()
    with model.stream(RATE) as left:
        left.feed(sound(0.1))
    with pytest.raises(StreamError, match="has ended"):
        left.flush()


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_samples_that_are_no_numbers_are_refused_and_leave_no_trace(bad: float) -> None:
    model, waveform = recognizer(recipe()), sound(1.0)
    spoiled = waveform[:800].copy()
    spoiled[300] = bad
    plain, tried = model.stream(RATE, WHOLE), model.stream(RATE, WHOLE)
    for stream in (plain, tried):
        stream.feed(waveform[:8000])
    with pytest.raises(StreamError, match=r"not finite numbers, after 0\.50 s") as raised:
        tried.feed(spoiled)
    assert raised.value.exit_code == 6
    for stream in (plain, tried):
        stream.feed(waveform[8000:])
    assert tried.flush() == plain.flush()


@pytest.mark.parametrize("block", [np.zeros(160, np.int16), np.zeros((160, 2), np.float32)])
def test_samples_of_another_kind_are_refused(block: np.ndarray) -> None:
    with pytest.raises(StreamError, match=f"found {block.dtype} of shape"):
        recognizer(recipe()).stream(RATE).feed(block)


@pytest.mark.parametrize("rate", [0, -16000])
def test_a_rate_that_is_none_is_refused(rate: int) -> None:
    with pytest.raises(StreamError, match=rf"found a sample rate of {rate}"):
        recognizer(recipe()).stream(rate)
