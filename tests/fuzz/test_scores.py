"""Files of music, damaged in any way: a piece that can be written, or one message, and soon."""

import time
from contextlib import suppress
from pathlib import Path

import pytest

from crnn_audio.errors import DataError
from crnn_audio.symbolic import abc, files
from tests.fuzz import scores
from tests.fuzz.mutations import draw
from tests.fuzz.test_fuzz import cases

pytest.importorskip("music21")
SECONDS = 20


@cases("scores", 0.5)
@pytest.mark.filterwarnings("error")
def test_a_damaged_score(seed: int, tmp_path: Path) -> None:
    suffix, content = scores.made(draw("score", seed))
    path = tmp_path / f"x{suffix}"
    path.write_bytes(content)
    began, refused = time.process_time(), str(path)
    try:
        piece = files.load(path).score
    except DataError as error:
        refused = str(error)
    else:
        for written in (".abc", ".mid", ".json"):
            with suppress(DataError):
                files.save(piece, tmp_path / f"y{written}")
    assert refused.startswith(str(path))
    assert "\n" not in refused
    if suffix == ".abc":
        with suppress(DataError):
            for source in abc.tune_sources(abc.text_of(content)):
                abc.read_tune(source, repeats=False)
    assert time.process_time() - began < SECONDS
    assert not list(tmp_path.glob(".*")), "no temporary file is left"


def test_the_damage_leaves_some_scores_readable(tmp_path: Path) -> None:
    read = set()
    for seed in range(40):
        suffix, content = scores.made(draw("score", seed))
        (tmp_path / f"x{suffix}").write_bytes(content)
        with suppress(DataError):
            read |= {suffix} if files.load(tmp_path / f"x{suffix}").score.notes else set()
    assert read >= {".abc", ".mid", ".musicxml", ".mxl"}
