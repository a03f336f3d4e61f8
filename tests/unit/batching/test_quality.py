"""What looks odd in cuts: each finding at the right cut, with its reason; and nothing where nothing is odd."""

from dataclasses import replace
from pathlib import Path

import pytest

from crnn_audio.batching import quality
from crnn_audio.batching.audio_stats import SILENCE_DB, SLICES, AudioStats
from crnn_audio.batching.manifests import Cut, Recording, whole

FINE = AudioStats(peak=-6.0, loudness=-20.0, clipped=0.0, gap=0.01, digest="", course=(-20.0,) * SLICES)


def cut(
    id: str, text: str = "a text of words", speaker: str | None = None, seconds: float = 1.0, rate: int = 16000
) -> Cut:
    return whole(Recording(id, Path(f"{id}.wav"), rate, round(seconds * rate)), text, speaker)


def stats(**cuts: dict[str, object]) -> dict[str, AudioStats]:
    return {id: replace(FINE, **{"digest": id, **changes}) for id, changes in cuts.items()}


def found(findings) -> list[str]:
    return [str(finding) for finding in findings]


def test_sound_that_is_hardly_there_clipped_or_broken_off() -> None:
    cuts = [cut(id) for id in ("fine", "none", "faint", "loud", "gap", "unread")]
    figures = stats(
        fine={},
        none={"peak": SILENCE_DB, "gap": 1.0},
        faint={"peak": -50.2, "adjustments": ("very quiet (peak -50 dB); raised to -10 dB",)},
        loud={"clipped": 0.012},
        gap={"gap": 0.6},
    )
    assert found(quality.silent(cuts, figures)) == [
        "cut 'none': digital silence from start to end. Record it again or drop it."
    ]
    assert found(quality.adjusted(cuts, figures)) == [
        "cut 'faint': very quiet (peak -50 dB); raised to -10 dB. Listen to it; record it again if you can."
    ]
    (clipped,) = found(quality.clipped(cuts, figures))
    assert clipped.startswith("cut 'loud': clipped: 1.2 % of its samples")
    assert found(quality.gaps(cuts, figures)) == [
        "cut 'gap': 0.60 s of exact zeros, as where a recorder dropped out. Listen to it."
    ]


@pytest.mark.parametrize(
    ("text", "seconds", "odd"),
    [
        ("a" * 36, 1.0, True),
        ("a" * 34, 1.0, False),
        ("abcd", 5.0, True),
        ("abcdef", 5.0, False),
        ("a", 4.9, False),
        ("", 9.0, False),
    ],
)
def test_text_that_does_not_fit_its_time(text, seconds, odd) -> None:
    findings = quality.pace([cut("x", text, seconds=seconds)])
    assert bool(findings) is odd
    if odd:
        assert f"{len(text)} characters in {seconds:.1f} s is not how people speak" in str(findings[0])


def test_rates_that_are_not_the_usual_one_or_too_low() -> None:
    splits = {"train": [cut("a"), cut("b"), cut("c", rate=48000)], "dev": [cut("d", rate=8000), cut("e", rate=8000)]}
    (of_train, high), (of_dev, low) = quality.rates(splits, 16000)
    assert (of_train, high.cut_id, of_dev, low.cut_id) == ("train", "c", "dev", "d")
    assert str(high).endswith(
        "it is of 48000 Hz where most are of 16000 Hz; they are resampled. Check that recording conditions agree."
    )
    assert "it and 1 other cuts are of 8000 Hz where most are of 16000 Hz: nothing above 4000 Hz is in them" in str(low)
    assert quality.rates({"train": [cut("a", rate=44100)]}, 16000) == []


def test_copies_by_samples_within_and_across_splits() -> None:
    splits = {"train": [cut("a"), cut("b"), cut("c", "another")], "test": [cut("d")]}
    same = {"digest": "same"}
    figures = {"train": stats(a=same, b={"course": (-40.0,) * SLICES}, c=same), "test": stats(d=same)}
    (one, c, across), (two, d, over) = quality.copies(splits, figures)
    assert (one, across, two, over) == ("train", False, "test", True)
    assert (
        str(c)
        == "cut 'c': the same audio as cut 'a' of train, whose text is another ('a text of words'). Keep one of them."
    )
    assert str(d) == "cut 'd': the same audio as cut 'a' of train. Keep one of them."


@pytest.mark.parametrize(
    ("text", "seconds", "course", "odd"),
    [
        ("a text of words", 1.0, -20.5, True),
        ("a text of words", 1.0, -22.0, False),
        ("a text of words", 1.02, -20.5, False),
        ("another", 1.0, -20.5, False),
    ],
)
def test_copies_by_text_length_and_loudness(text, seconds, course, odd) -> None:
    splits = {"train": [cut("a")], "dev": [cut("b", text, seconds=seconds)]}
    figures = {"train": stats(a={}), "dev": stats(b={"course": (course,) * SLICES})}
    findings = quality.copies(splits, figures)
    assert [str(finding) for _, finding, _ in findings] == [
        "cut 'b': the text, length and loudness of cut 'a' of train. Keep one of them."
    ] * odd


def test_a_split_may_lack_what_could_not_be_read() -> None:
    assert quality.copies({"train": [cut("a"), cut("b")]}, {"train": stats(b={})}) == []


def test_ids_speakers_and_texts_that_splits_share() -> None:
    splits = {
        "train": [cut("a", "one", "ann"), cut("b", "two", "bob"), cut("n", "three", None)],
        "dev": [cut("c", "four", "cy"), cut("d", "one", "ann"), cut("m", "five", None)],
        "test": [cut("a", "five", "cy"), cut("e", "two", "bob")],
    }
    assert [(split, str(one)) for split, one in quality.shared_ids(splits)] == [
        ("test", "cut 'a': its id stands in train too. Give every cut an id of its own.")
    ]
    shared = [(split, one.cut_id, one.problem.partition(" too")[0]) for split, one in quality.shared_speakers(splits)]
    assert shared == [
        ("dev", "d", "speaker 'ann' is in train"),
        ("test", "e", "speaker 'bob' is in train"),
        ("test", "a", "speaker 'cy' is in dev"),
    ]
    texts = [(split, one.cut_id, one.problem.partition(".")[0]) for split, one in quality.shared_texts(splits)]
    assert texts == [
        ("dev", "d", "1 of 3 texts of dev stand in train too, such as 'one'"),
        ("test", "e", "1 of 2 texts of test stand in train too, such as 'two'"),
    ]


def test_rare_characters_one_by_one_and_rare_words_together() -> None:
    cuts = [cut(f"c{n}", "aaaaa bb bb é z z z"[: 19 - 2 * n]) for n in range(2)]
    counts = {"b": 8, "é": 2, "z": 5}
    assert counts["z"] == 5
    findings = quality.rare(cuts, list, "characters")
    assert [str(one).partition(", too seldom")[0] for one in findings] == [
        "cut 'c0': 'é' (U+00E9) stands 2 times in train"
    ]
    (words,) = quality.rare(cuts, str.split, "words")
    assert words.problem.startswith("3 of 4 words stand less than 5 times. ")
    assert words.problem.endswith("record more: 'aaaaa', 'é', 'bb'.")
    assert quality.rare([cut("x", "abc" * 5)], list, "characters") == []
