"""Comparisons: as many pieces of the corpus, a table, JSON that holds the same, and copies on both sides."""

import json
import random

import pytest

from crnn_audio.metrics.comparison import LABELS, compare
from crnn_audio.metrics.copying import Passage
from crnn_audio.symbolic.note_names import pitch_name
from crnn_audio.symbolic.score import Key, Score
from tests.unit.metrics.made import score

C = Key(0, 0)


def tune(seed: int) -> Score:
    chance = random.Random(seed)
    return score([chance.randint(60, 72) for _ in range(11)] + [60], metre="3/4", key=C)


CORPUS = [tune(seed) for seed in range(100, 120)]
TRAINING = [tune(seed) for seed in range(30)]


def test_the_same_count_of_pieces_is_sampled_by_the_seed() -> None:
    generated = [tune(0), tune(200)]
    one, same = compare(generated, CORPUS, TRAINING, seed=1), compare(generated, CORPUS, TRAINING, seed=1)
    assert one == same
    assert one.corpus.statistics.pieces == 2
    others = [compare(generated, CORPUS, TRAINING, seed=seed).corpus for seed in range(2, 6)]
    assert any(other != one.corpus for other in others)
    assert compare(CORPUS, generated, TRAINING).corpus.statistics.pieces == 2


def test_copies_are_kept_apart() -> None:
    found = compare([tune(0), tune(200)], CORPUS, TRAINING)
    assert found.generated.melody[0] == Passage(12.0, 4.0, 0.0, 0, 0.0)
    assert found.generated.passages == found.generated.melody
    assert found.generated.melody[1].quarters < 6
    assert all(passage.quarters < 6 for passage in found.corpus.melody)


def test_the_table() -> None:
    generated = [score([60, 62, 62], [53, 55, 55], metre="3/4", key=C)]
    corpus = [score([72, None, (74, 1.0)], metre="3/4", key=C)]
    lines = compare(generated, corpus, [score([60, 62], metre="3/4")]).lines()
    assert len({len(line) for line in lines}) == 1, "columns are aligned"
    table = [[cell.strip() for cell in line.split("  ") if cell.strip()] for line in lines]
    assert table == [
        ["generated", "corpus"],
        ["pieces", "1", "1"],
        ["quarter notes", "3", "3"],
        ["soprano: range", "C4 to D4", "C5 to D5"],
        ["soprano: notes a quarter", "1.00", "0.67"],
        ["soprano: rests, share of time", "0.0 %", "33.3 %"],
        ["soprano: notes like the one before", "50.0 %", "0.0 %"],
        ["alto: range", "F3 to G3", "-"],
        ["alto: notes a quarter", "1.00", "-"],
        ["alto: rests, share of time", "0.0 %", "-"],
        ["alto: notes like the one before", "50.0 %", "-"],
        ["parallel fifths per 100 chord changes", "100.00", "-"],
        ["parallel octaves per 100 chord changes", "0.00", "-"],
        ["voices crossed, share of time", "0.0 %", "-"],
        ["ends with the tonic lowest", "0.0 %", "0.0 %"],
        ["ends on the tonic's chord", "0.0 %", "0.0 %"],
        ["ends with a full bar", "100.0 %", "100.0 %"],
        ["bars that were there before", "0.0 %", "0.0 %"],
        ["notes held over a bar line", "0.0 %", "0.0 %"],
        ["longest passage copied, melody", "0.7 bars", "0.3 bars"],
        ["median of the pieces, melody", "0.7 bars", "0.3 bars"],
        ["longest passage copied, all parts", "0.0 bars", "0.3 bars"],
        ["median of the pieces, all parts", "0.0 bars", "0.3 bars"],
    ]


def test_where_no_metre_is_known_copies_are_in_quarters() -> None:
    lines = compare([score([60, 62])], [score([60, 65])], [score([70, 72])]).lines()
    assert lines[-2].split()[-4:] == ["2.0", "quarters", "1.0", "quarters"]


def test_json_holds_both_sides() -> None:
    found = json.loads(json.dumps(compare([tune(0)], CORPUS, TRAINING).as_dict()))
    assert set(found) == {"generated", "corpus"}
    side = found["generated"]
    assert set(side["rates"]) == set(LABELS)
    assert side["parts"][0]["name"] == "soprano"
    assert side["copied"]["melody"][0] == {
        "quarters": 12.0,
        "bars": 4.0,
        "start": 0.0,
        "source": 0,
        "source_start": 0.0,
    }


@pytest.mark.parametrize("generated", [[], [Score(())]])
@pytest.mark.parametrize("corpus", [[], [Score(())]])
def test_nothing_against_nothing(generated: list[Score], corpus: list[Score]) -> None:
    found = compare(generated, corpus, [])
    json.dumps(found.as_dict())
    assert found.lines()[1].split() == ["pieces", str(len(generated)), str(min(len(generated), len(corpus)))]


def test_names_of_pitches() -> None:
    assert [pitch_name(pitch) for pitch in (0, 21, 60, 61, 127)] == ["C-1", "A0", "C4", "C#4", "G9"]
