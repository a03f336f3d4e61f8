"""Pieces kept as JSON lines, damaged ones refused, fixed splits, families and copies."""

import json
from dataclasses import replace
from pathlib import Path
from random import Random

import pytest

from crnn_audio.corpora import chorales, folk_tunes, midi_folder, nottingham, tunes
from crnn_audio.corpora.duplicates import families, same_piece
from crnn_audio.corpora.home import Corpus
from crnn_audio.corpora.tunes import Tune
from crnn_audio.errors import DataError
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Score, TimeSignature


def melody(seed: int, shift: int = 0, pickup: float = 0.0, scale: float = 1.0, bars: int = 8) -> Score:
    """A melody of its own for each seed: notes of half a quarter in bars of four, times the scale."""
    random = Random(seed)
    notes = [
        Note(scale * (pickup + step / 2), scale / 2, 60 + shift + random.randrange(12)) for step in range(8 * bars)
    ]
    opening = [Note(0.0, scale * pickup, 60)] if pickup else []
    metre = TimeSignature(0.0, 4, 4) if scale == 1 else TimeSignature(0.0, 2, 4)
    return Score((Part("a", (*opening, *notes)),), f"tune {seed}", time_signatures=(metre,), pickup=scale * pickup)


FULL = Score(
    (Part("fiddle", (Note(0.0, 1 / 3, 60), Note(0.5, 0.25, 67)), 40), Part("bass", ())),
    "Café “Ø”\u2028",
    tempo=97.5,
    time_signatures=(TimeSignature(0.0, 6, 8), TimeSignature(9.5, 9, 8)),
    keys=(Key(0.0, -2, "dorian"),),
    pickup=0.5,
    chords=(Chord(0.5, "G7"),),
    fermatas=(0.5,),
)


# ---------------------------------------------------------------------------------------- kept as JSON lines


def test_pieces_come_back_as_they_were(tmp_path: Path) -> None:
    kept = [Tune("a", FULL, {"key": "Cdor", "style": "jig"}), Tune("b", melody(1), {}, family="a")]
    tunes.save(kept, {"c": "its bars are not all full"}, tmp_path)
    assert tunes.load(tmp_path) == kept
    assert tunes.left_out(tmp_path) == {"c": "its bars are not all full"}


@pytest.mark.parametrize(
    ("line", "message"),
    [
        ("", "holds no pieces"),
        ("{", "line 1: no piece of music"),
        ("[]", "line 1: no piece of music"),
        ('{"id": "a"}', "line 1: no piece of music"),
        ("\udcff", "line 1: not UTF-8 (byte 0 is 0xff)"),
    ],
)
def test_damaged_pieces_are_refused(tmp_path: Path, line: str, message: str) -> None:
    (tmp_path / "tunes.jsonl").write_bytes(line.encode("utf-8", "surrogateescape"))
    with pytest.raises(DataError) as caught:
        tunes.load(tmp_path)
    assert message in str(caught.value)
    assert f"`crnn-audio prepare {tmp_path.name}`" in str(caught.value)


def test_any_field_lost_is_said(tmp_path: Path) -> None:
    tunes.save([Tune("a", FULL, {})], {}, tmp_path)
    whole = json.loads((tmp_path / "tunes.jsonl").read_text(encoding="utf-8"))
    for field in whole["score"]:
        if field in ("title", "tempo", "pickup"):
            continue
        score = {name: value for name, value in whole["score"].items() if name != field}
        (tmp_path / "tunes.jsonl").write_text(json.dumps(whole | {"score": score}))
        if field == "repeats":  # which corpora that were made before lack
            assert tunes.load(tmp_path)[0].score == replace(FULL, repeats=())
            continue
        with pytest.raises(DataError, match=field):
            tunes.load(tmp_path)


def test_nothing_there_is_said(tmp_path: Path) -> None:
    for look in (tunes.load, tunes.left_out):
        with pytest.raises(DataError, match="no such file"):
            look(tmp_path)


@pytest.mark.parametrize("content", ["[]", "", "{"])
def test_a_damaged_list_of_what_is_left_out_is_said(tmp_path: Path, content: str) -> None:
    (tmp_path / "left_out.json").write_text(content)
    with pytest.raises(DataError, match=r"left_out\.json"):
        tunes.left_out(tmp_path)


# ---------------------------------------------------------------------------------------- splits


def test_splits_are_a_function_of_each_family_alone() -> None:
    many = [Tune(f"tune-{number}", FULL, {}, family=f"family-{number // 2}") for number in range(1000)]
    splits = tunes.split(many)
    assert {name: len(split) for name, split in splits.items()} == {"train": 782, "dev": 92, "test": 126}
    placed = {tune.family: name for name, split in splits.items() for tune in split}
    assert all(placed[tune.family] == name for name, split in splits.items() for tune in split)
    some = tunes.split(many[::-3])
    assert all(placed[tune.family] == name for name, split in some.items() for tune in split)
    alone = tunes.split([Tune(tune.family, FULL, {}) for tune in many])
    assert all(placed[tune.id] == name for name, split in alone.items() for tune in split)


@pytest.mark.parametrize("module", [chorales, folk_tunes, midi_folder, nottingham])
def test_corpora_offer_what_every_corpus_offers(module: object) -> None:
    assert isinstance(module, Corpus)


# ---------------------------------------------------------------------------------------- families and copies


def test_settings_of_one_melody_are_a_family_in_any_key_pickup_and_note_values() -> None:
    scores = [
        melody(1), melody(2), melody(1, shift=-7), melody(3), melody(2, pickup=1.0), melody(1, scale=0.5, shift=3),
        melody(4, bars=2),
    ]  # fmt: skip
    assert families(scores) == [0, 1, 0, 3, 1, 0, 6]


def test_a_family_holds_together_through_those_between() -> None:
    one = melody(1)
    notes = list(one.parts[0].notes)

    def varied(count: int, first: int) -> Score:
        new = [
            replace(note, pitch=note.pitch + 1 + index % 5) if first <= index < first + count else note
            for index, note in enumerate(notes)
        ]
        return replace(one, parts=(Part("a", tuple(new)),))

    near, far = varied(6, 0), varied(12, 0)
    assert families([one, far]) == [0, 1]
    assert families([far, one, near]) == [0, 0, 0]


def test_copies_differ_in_an_ornament_at_most() -> None:
    one = replace(melody(1), parts=(melody(1).parts[0], melody(2).parts[0]))
    copy = replace(one, parts=tuple(replace(melody(seed, shift=4).parts[0]) for seed in (1, 2)))
    assert same_piece(one, copy)
    assert not same_piece(one, replace(one, parts=(one.parts[0], melody(3).parts[0])))
    assert not same_piece(one, replace(one, parts=one.parts[:1]))
    assert not same_piece(melody(1), melody(1, bars=12))
    ornament = (*one.parts[1].notes[:-2], Note(31.0, 0.25, 99), Note(31.25, 0.75, 98))
    assert same_piece(one, replace(one, parts=(one.parts[0], Part("b", ornament))))
