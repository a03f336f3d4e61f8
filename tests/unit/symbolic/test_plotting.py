"""Piano rolls hold the notes where they sound: read back from the figure, not from the pixels."""

import sys
from pathlib import Path

import pytest
from matplotlib import image
from matplotlib.collections import PolyCollection

from crnn_audio.symbolic import plotting
from crnn_audio.symbolic.score import Chord, Key, Note, Part, Score, TimeSignature


def voices(num_bars: int, **more: object) -> Score:
    """Four voices in 4/4, a whole note a bar."""
    names = ("soprano", "alto", "tenor", "bass")
    parts = [
        Part(name, tuple(Note(4.0 * bar, 4.0, pitch) for bar in range(num_bars)))
        for name, pitch in zip(names, (72, 67, 60, 48), strict=True)
    ]
    return Score(tuple(parts), time_signatures=(TimeSignature(0.0, 4, 4),), **more)


def boxes(axes: object) -> list[list[tuple[float, float, float]]]:
    """For each part the notes of a row: left, right, middle."""
    found = []
    for collection in axes.collections:
        assert isinstance(collection, PolyCollection)
        extents = [path.get_extents() for path in collection.get_paths()]
        found.append([(box.x0, box.x1, (box.y0 + box.y1) / 2) for box in extents])
    return found


def ticks(axes: object) -> dict[float, str]:
    return dict(zip(axes.get_xticks().tolist(), [label.get_text() for label in axes.get_xticklabels()], strict=True))


def test_notes_bars_and_names() -> None:
    figure = plotting.figure(voices(4, title="four bars", keys=(Key(0.0, -1),), fermatas=(12.0,), tempo=60.0))
    (axes,) = figure.axes
    assert boxes(axes) == [[(4.0 * bar, 4.0 * bar + 4, pitch) for bar in range(4)] for pitch in (72, 67, 60, 48)]
    assert ticks(axes) == {0.0: "1", 4.0: "2", 8.0: "3", 12.0: "4"}
    keys = dict(zip(axes.get_yticks().tolist(), [label.get_text() for label in axes.get_yticklabels()], strict=True))
    assert keys[60] == "C4"
    assert keys[69] == "A4"
    assert figure._suptitle.get_text() == "four bars: F, 4/4, 4 bars, 16 s"
    assert [text.get_text() for text in axes.get_legend().get_texts()] == ["soprano", "alto", "tenor", "bass"]
    assert [line.get_xdata().tolist() for line in axes.lines if line.get_marker() == "."] == [[12.5]]


def test_voices_have_colours_of_their_own() -> None:
    (axes,) = plotting.figure(voices(1)).axes
    assert len({tuple(part.get_facecolor()[0]) for part in axes.collections}) == 4


def test_sixty_four_bars_are_eight_rows_of_one_scale() -> None:
    figure = plotting.figure(voices(64, fermatas=(40.0,)))
    assert len(figure.axes) == 8
    assert [axes.get_xlim() for axes in figure.axes] == [(32.0 * row, 32.0 * row + 32) for row in range(8)]
    assert list(ticks(figure.axes[7]).values()) == [str(number) for number in range(57, 65)]
    assert [len(part) for axes in figure.axes for part in boxes(axes)] == [8] * 32
    held = [len(line.get_xdata()) for axes in figure.axes for line in axes.lines if line.get_marker() == "."]
    assert held == [0, 1, 0, 0, 0, 0, 0, 0]


def test_a_pickup_stands_before_bar_1_and_a_held_note_in_both_rows() -> None:
    notes = (Note(0.0, 0.5, 62), Note(0.5, 30.0, 67))
    figure = plotting.figure(Score((Part("jig", notes),), time_signatures=(TimeSignature(0.0, 6, 8),), pickup=0.5))
    assert [axes.get_xlim() for axes in figure.axes] == [(0.0, 24.5), (24.5, 49.0)]
    assert list(ticks(figure.axes[0]).items())[:3] == [(0.0, ""), (0.5, "1"), (3.5, "2")]
    assert boxes(figure.axes[0])[0] == [(0.0, 0.5, 62), (0.5, 30.5, 67)]
    assert boxes(figure.axes[1])[0] == [(0.5, 30.5, 67)]
    assert figure.axes[0].get_legend() is None


def test_without_a_metre_the_axis_tells_quarters() -> None:
    figure = plotting.figure(Score((Part("a", (Note(0.0, 10.0, 60),)),)))
    (axes,) = figure.axes
    assert axes.get_xlabel() == "quarter notes"
    assert axes.get_xticks().tolist() == [0, 4, 8]


def test_chord_symbols_stand_where_they_hold() -> None:
    (axes,) = plotting.figure(voices(2, chords=(Chord(0.0, "G"), Chord(6.0, "Am7/$E")))).axes
    assert [(text.get_position()[0], text.get_text()) for text in axes.texts] == [(0.0, "G"), (6.0, "Am7/$E")]


def test_of_a_very_long_piece_the_beginning_is_shown_and_the_title_says_so() -> None:
    figure = plotting.figure(voices(200))
    assert len(figure.axes) == 16
    assert figure._suptitle.get_text() == "a piece: 4/4, 200 bars, 400 s (shown: the first 16 of 25 rows)"


@pytest.mark.parametrize("name", ["$\\frac$ reel", "two\nlines", "bad\udcff", "日本語", ""])
def test_any_name_is_plotted_on_one_line(tmp_path: Path, name: str, recwarn) -> None:
    path = tmp_path / "piece.png"
    plotting.plot(Score((Part(name, (Note(0.0, 1.0, 60),)), Part("b", ())), title=name), path)
    assert image.imread(path).ndim == 3
    assert [found.name for found in tmp_path.iterdir()] == ["piece.png"]
    assert not recwarn.list


@pytest.mark.parametrize(
    "piece",
    [
        Score(()),
        Score((), time_signatures=(TimeSignature(0.0, 4, 4),)),
        Score((Part("a", ()), Part("b", ()))),
        Score((Part("a", (Note(0.0, 0.25, 0), Note(0.25, 0.25, 127))),), time_signatures=(TimeSignature(0.0, 1, 64),)),
        Score((Part("a", (Note(0.0, 80.0, 60),)),), time_signatures=(TimeSignature(0.0, 40, 4),)),
    ],
)
def test_odd_pieces_are_plotted(tmp_path: Path, piece: Score) -> None:
    plotting.plot(piece, tmp_path / "odd.png")
    assert max(image.imread(tmp_path / "odd.png").shape) < 5000


def test_it_leaves_pyplot_alone() -> None:
    plotting.figure(voices(1))
    assert "matplotlib.pyplot" not in sys.modules or not sys.modules["matplotlib.pyplot"].get_fignums()
