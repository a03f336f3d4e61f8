"""Where a stream's utterances end, on constructed log-probabilities; an hour of it holds as much as a minute."""

import itertools
import re
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from multiprocessing import get_context
from resource import RUSAGE_SELF, getrusage

import numpy as np
import pytest
import torch
from torch import Tensor

from crnn_audio.config.recognition import RecognitionRecipe
from crnn_audio.decoding.ctc import Greedy
from crnn_audio.features.normalize import Statistics
from crnn_audio.hypotheses import Hypothesis
from crnn_audio.inference.speech.endpoints import Endpoint, StreamResult
from crnn_audio.inference.speech.recognizer import Recognizer
from crnn_audio.inference.speech.stream import Stream
from crnn_audio.models.crnn import Carry
from crnn_audio.problems import recognition
from crnn_audio.problems.recognition import Assets
from crnn_audio.text.vocabulary import Vocabulary
from crnn_audio.types import AudioBatch
from tests.loading import run_of

FRAME = 640
"""Samples between output frames: 40 ms at 16 kHz."""
NEVER = float("inf")
RECIPE = RecognitionRecipe.model_validate(
    {
        "data": {"corpus": "manifests", "root": "data/tiny"},
        "features": {"kind": "fbank", "num_mels": 12},
        "model": {
            "conv": [{"channels": 2, "stride": [2, 2]}, {"channels": 2, "stride": [2, 2]}],
            "recurrent": {"hidden_size": 8, "num_layers": 1, "dropout": 0, "bidirectional": False, "look_ahead": 2},
        },
    }
)


def recognizer(tokens: Vocabulary) -> Recognizer:
    task = recognition.task(RECIPE, Assets(tokens, Statistics((-6.0,) * 12, (3.0,) * 12)))
    return Recognizer(run_of(RECIPE), task)


class Script:
    """A model that says one character of a text each 40 ms, whatever it hears; _ is a blank, a digit an odd guess."""

    def __init__(self, text: str, kind: str = "characters", seed: int = 0) -> None:
        frames = list(text) if kind == "characters" else text.split()
        self.model = recognizer(Vocabulary.build([" ".join(frames)] if kind == "words" else ["abcdef "], kind))
        tokens = self.model.task.vocabulary
        probs = np.random.default_rng(seed).uniform(0.5, 0.99, len(frames))
        rest = (1 - probs) / (len(tokens) - 1)
        self.probs = torch.tensor(np.repeat(rest[:, None], len(tokens), axis=1))
        for frame, token in enumerate(frames):
            self.probs[frame, 0 if token == "_" else tokens.tokens.index(token)] = probs[frame]

    def stream(self, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint) -> Stream:
        opened, fed, said = self.model.stream(16000, endpoint), 0, 0

        def step(features: Tensor, carry: Carry | None, *, last: bool = False) -> tuple[Tensor, Carry]:
            nonlocal fed, said
            fed += features.shape[1]
            begin, said = said, len(self.probs) if last else min(fed // 4, len(self.probs))
            return self.probs[begin:said].log().unsqueeze(0), carry or Carry((), ())

        monkeypatch.setattr(self.model.task, "step", step)
        return opened

    def offline(self) -> Hypothesis:
        (path,) = Greedy().decode(self.probs.log().unsqueeze(0), torch.tensor([len(self.probs)]))
        return self.model.hypothesis(path, len(self.probs) * FRAME / 16000)

    def listen(
        self, monkeypatch: pytest.MonkeyPatch, endpoint: Endpoint, blocks: Sequence[int] = ()
    ) -> list[StreamResult]:
        """After each block of so many samples, and at last after the flush."""
        opened, total = self.stream(monkeypatch, endpoint), len(self.probs) * FRAME
        left = total - sum(blocks)
        sizes = [*blocks, *[FRAME] * (left // FRAME), left % FRAME]
        return [*(opened.feed(np.zeros(size, np.float32)) for size in sizes), opened.flush()]


def finals(results: Sequence[StreamResult]) -> list[Hypothesis]:
    return [final for one in results for final in one.finals]


def texts(results: Sequence[StreamResult]) -> list[str]:
    return [final.text for final in finals(results)]


# ---------------------------------------------------------------------------------------- endpoints


def test_an_utterance_ends_after_silence_and_the_last_with_the_stream(monkeypatch) -> None:
    script = Script("__aab_" + "_" * 4 + "_c d__" + "_" * 4 + "e_f_")
    results = script.listen(monkeypatch, Endpoint(silence=5 * 0.04, longest=NEVER))
    assert texts(results) == ["ab", "c d", "ef"]
    one, two, three = finals(results)
    assert [word.start for word in one.words + two.words + three.words] == pytest.approx([0.08, 0.44, 0.52, 0.8])
    assert [word.end for word in one.words + two.words + three.words] == pytest.approx([0.2, 0.48, 0.56, 0.92])
    assert [final.seconds for final in (one, two)] == pytest.approx([0.4, 0.76]), "where the fifth blank ends"
    assert three.seconds == pytest.approx(len(script.probs) * 0.04)
    assert all(final.path is None for final in finals(results))


def test_one_blank_less_is_no_silence(monkeypatch) -> None:
    said = "a____ b____ c"
    assert texts(Script(said).listen(monkeypatch, Endpoint(silence=5 * 0.04, longest=NEVER))) == ["a b c"]
    assert texts(Script(said).listen(monkeypatch, Endpoint(silence=4 * 0.04, longest=NEVER))) == ["a", "b", "c"]


def test_silence_before_the_first_token_ends_nothing(monkeypatch) -> None:
    results = Script("_" * 40 + "ab" + "_" * 5).listen(monkeypatch, Endpoint(silence=0.2, longest=NEVER))
    assert texts(results) == ["ab"]
    assert texts(Script("_" * 40).listen(monkeypatch, Endpoint(0.2, 0.4))) == []


def test_separators_alone_are_no_utterance(monkeypatch) -> None:
    script = Script("ab_____ _____ __ _____cd_____ ")
    assert texts(script.listen(monkeypatch, Endpoint(silence=0.2, longest=NEVER))) == ["ab", "cd"]
    assert texts(script.listen(monkeypatch, Endpoint(silence=NEVER, longest=0.2))) == ["ab", "cd"]
    assert texts(Script("__ __").listen(monkeypatch, Endpoint())) == []


def test_a_long_utterance_ends_between_two_words(monkeypatch) -> None:
    script = Script("a_b_c_d_e_f_ _a_b_c_d_ _a_b_ _c")
    results = script.listen(monkeypatch, Endpoint(silence=NEVER, longest=8 * 0.04))
    assert texts(results) == ["abcdef", "abcd", "ab c"]
    assert finals(results)[0].seconds == pytest.approx(13 * 0.04), "where the space is recognised"


def test_a_word_without_end_is_cut_at_twice_the_longest(monkeypatch) -> None:
    """No model that hears words says such a thing; one that hears noise may, for an hour."""
    endpoint = Endpoint(silence=NEVER, longest=10 * 0.04)
    assert texts(Script("ab_" * 14).listen(monkeypatch, endpoint)) == ["ab" * 7, "ab" * 7]
    assert texts(Script("ab" * 25).listen(monkeypatch, endpoint)) == ["ab" * 10, "ab" * 10, "ab" * 5]
    assert texts(Script("a" * 30 + "b" * 12).listen(monkeypatch, endpoint)) == ["a", "b"], "not said twice"


def test_in_a_vocabulary_of_words_every_blank_stands_between_two(monkeypatch) -> None:
    script = Script("one _ two two _ three _ one", "words")
    results = script.listen(monkeypatch, Endpoint(silence=NEVER, longest=4 * 0.04))
    assert texts(results) == ["one two", "three one"]


def test_a_repeated_letter_around_an_endpoint_is_no_repeat(monkeypatch) -> None:
    assert texts(Script("a_____a_____").listen(monkeypatch, Endpoint(0.2, NEVER))) == ["a", "a"]


def test_the_text_grows_and_starts_anew_after_an_endpoint(monkeypatch) -> None:
    script = Script("a_b_ _c_____d_e_____")
    shown = [one.text for one in script.listen(monkeypatch, Endpoint(0.2, NEVER))]
    changes = [text for text, _ in itertools.groupby(shown)]
    assert changes == ["", "a", "ab", "ab c", "", "d", "de", ""]
    results = script.listen(monkeypatch, Endpoint(0.2, NEVER))
    assert [one.seconds for one in results] == pytest.approx([0.04 * n for n in [*range(1, 21), 20, 20]])


def test_one_block_may_finish_several(monkeypatch) -> None:
    script = Script("a_____b_____c_____d")
    results = script.listen(monkeypatch, Endpoint(0.2, NEVER), blocks=[19 * FRAME])
    assert [len(one.finals) for one in results] == [3, 0, 1]
    assert results[0].text == ""


# ---------------------------------------------------------------------------------------- any endpoints, any words


def chatter(seed: int) -> str:
    """Words of letters held for some frames, with at most three blanks inside and any number of them between."""
    random, text = np.random.default_rng(seed), ""
    for _ in range(12):
        gap = "_" * int(random.choice([0, 1, 2, 9])), "_" * int(random.choice([0, 1, 6]))
        text += gap[0] + " " * int(random.integers(1, 3)) + gap[1]
        for _ in range(int(random.integers(1, 6))):
            letter = str(random.choice(list("abcdef")))
            blanks = int(random.integers(1 if text[-1] == letter else 0, 4))
            text += "_" * blanks + letter * int(random.integers(1, 4))
    return text


def collapsed(frames: str) -> str:
    return " ".join("".join(one for one, _ in itertools.groupby(frames) if one != "_").split())


@pytest.mark.parametrize("seed", range(6))
def test_silences_cut_the_frames_where_a_regular_expression_does(monkeypatch, seed: int) -> None:
    said = chatter(seed)
    wanted = [text for text in map(collapsed, re.split("_{5,}", said)) if text]
    assert len(wanted) > 4
    assert texts(Script(said).listen(monkeypatch, Endpoint(silence=5 * 0.04, longest=NEVER))) == wanted


@pytest.mark.parametrize("endpoint", [Endpoint(0.2, NEVER), Endpoint(NEVER, 1.2), Endpoint(0.28, 1.2), Endpoint()])
@pytest.mark.parametrize("seed", range(3))
def test_no_word_is_torn_lost_or_changed_by_endpoints_and_blocks(monkeypatch, seed: int, endpoint: Endpoint) -> None:
    script, random = Script(chatter(seed), seed=seed), np.random.default_rng(seed)
    offline, total = script.offline(), len(script.probs) * FRAME
    assert len(offline.words) == 12
    runs = []
    for largest in (total, 4000):
        blocks: list[int] = []
        while sum(blocks) < total:
            blocks.append(min(int(random.integers(1, largest + 1)), total - sum(blocks)))
        runs.append(finals(script.listen(monkeypatch, endpoint, blocks)))
    assert runs[1:] == runs[:-1], "where utterances end depends on the blocks"
    assert tuple(word for final in runs[0] for word in final.words) == offline.words
    assert " ".join(final.text for final in runs[0]) == offline.text
    assert len(runs[0]) > 1 or endpoint == Endpoint()
    for final in runs[0]:
        assert final.confidence == min(word.confidence for word in final.words)


# ---------------------------------------------------------------------------------------- memory


def talkative() -> Recognizer:
    """Says something of noise half of the time, and falls silent in between."""
    model = recognizer(Vocabulary.build(["abcdef "], "characters"))
    linear = model.task.model.head.linear
    with torch.no_grad():
        features, lengths = model.task.features(
            AudioBatch(torch.tensor(noise(400)[None]), torch.tensor([256000]), 16000)
        )
        said = model.task.encode(features, lengths).frames[0]
        linear.weight.mul_(20)
        linear.bias.sub_(said.mean(dim=0)).mul_(20)
        scores = 20 * (said - said.mean(dim=0))
        linear.bias[0] += (scores[:, 1:].amax(dim=1) - scores[:, 0]).quantile(0.5)
    return model


def noise(frames: int) -> np.ndarray:
    """Noise whose loudness and colour change every few frames."""
    random = np.random.default_rng(0)
    white = random.standard_normal(frames * FRAME)
    loud = np.repeat(random.uniform(0.001, 0.3, frames // 4), 4 * FRAME)
    coloured = white + np.repeat(random.uniform(-1, 1, frames // 4), 4 * FRAME) * np.roll(white, 1)
    return (loud * coloured).astype(np.float32)


def held(stream: Stream) -> dict[str, int]:
    """Bytes of every tensor that a stream refers to, and the lengths of its lists."""
    sizes: dict[str, int] = {}

    def look(name: str, value: object) -> None:
        if isinstance(value, Tensor):
            sizes[name] = value.untyped_storage().nbytes()
        elif isinstance(value, list | tuple):
            sizes[name] = len(value)
            for index, one in enumerate(value):
                look(f"{name}.{index}", one)
        elif hasattr(value, "__dict__") and not isinstance(value, torch.nn.Module) and not callable(value):
            for key, one in vars(value).items():
                look(f"{name}.{key}", one)

    look("stream", stream)
    return sizes


@dataclass(frozen=True)
class Minute:
    """What a stream has come to: words so far, longest open text, sizes held, peak memory of the process in KiB."""

    words: int
    longest_text: int
    held: dict[str, int]
    peak: int


def listened(minutes: int) -> list[Minute]:
    """Of a process that does nothing else, so that its peak is the stream's."""
    torch.set_num_threads(1)
    blocks, words, found = np.split(noise(1500), 15), 0, []
    with talkative().stream(16000, Endpoint(silence=0.16, longest=2.0)) as stream:
        for _ in range(minutes):
            results = [stream.feed(block) for block in blocks]
            words += sum(len(final.words) for final in finals(results))
            longest_text = max(len(one.text) for one in results)
            found.append(Minute(words, longest_text, held(stream), getrusage(RUSAGE_SELF).ru_maxrss))
    return found


def test_twenty_minutes_hold_as_much_as_one() -> None:
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        minutes = pool.submit(listened, 20).result()
    first, warm, last = minutes[0], minutes[4], minutes[-1]
    tensors = {name for name in first.held if "_decoded" not in name}
    assert len(tensors) > 5
    for one in minutes:
        assert {name: one.held[name] for name in tensors} == {name: first.held[name] for name in tensors}
        assert max(size for name, size in one.held.items() if name not in tensors) <= 100
        assert one.longest_text <= 100, "no open utterance lasts more than twice 2 s, a hundred frames"
    assert first.words > 20
    assert last.words > 19 * first.words - 100
    assert last.peak <= warm.peak + 1024
