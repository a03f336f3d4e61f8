"""The picture of a comparison holds both sides' shares: read back from the figure."""

from pathlib import Path

import pytest
from matplotlib import image

from crnn_audio.metrics import comparison_plot
from crnn_audio.metrics.comparison import compare
from crnn_audio.symbolic.score import Key, Score
from tests.unit.metrics.made import score

ONE = [score([60, 62, 64, 60], [48, 50, 52, 48], metre="4/4", key=Key(0, 0))]
OTHER = [score([(60, 4.0)], [(57, 2.0), (45, 2.0)], metre="4/4", key=Key(0, 0))]


def test_bars_are_shares_in_per_cent_side_by_side() -> None:
    figure = comparison_plot.figure(compare(ONE, OTHER, []))
    panels = figure.axes
    named = {axes.get_title(): axes for axes in panels}
    assert len(panels) == 9
    heights = [bar.get_height() for bar in named["soprano: pitches"].patches]
    assert heights == [50, 0, 25, 0, 25, 100, 0, 0, 0, 0]
    names = [label.get_text() for label in named["soprano: pitches"].get_xticklabels()]
    assert names == ["C4", "", "", "", "E4"]
    degrees = [bar.get_height() for bar in named["sounding time by degree of the key"].patches]
    assert degrees == [50, 0, 25, 0, 25, 0, 0, 0, 0, 0, 0, 0, 50, 0, 0, 0, 0, 0, 0, 0, 0, 50, 0, 0]
    assert [bar.get_height() for bar in named["alto: note lengths in quarters"].patches] == [100, 0, 0, 100]
    shares = named["shares in %, parallels per 100 chord changes"]
    assert [label.get_text() for label in shares.get_yticklabels()][:2] == ["parallel fifths", "parallel octaves"]
    assert figure._suptitle.get_text() == "pieces: 1 generated, 1 of the corpus"


def test_copies_of_melodies_and_of_all_parts_where_there_are_more() -> None:
    def lines(pieces: list[Score]) -> list[str]:
        panels = comparison_plot.figure(compare(pieces, pieces, [])).axes
        (copies,) = [axes for axes in panels if axes.get_title().startswith("longest passage copied")]
        return [line.get_label() for line in copies.lines]

    assert lines(ONE) == ["generated, melody", "generated, all parts", "corpus, melody", "corpus, all parts"]
    assert lines([score([60])]) == ["generated, melody", "corpus, melody"]


@pytest.mark.parametrize(
    ("generated", "corpus"), [(ONE, OTHER), ([], []), ([Score(())], OTHER), ([score([60], metre="4/4")], ONE)]
)
def test_any_comparison_becomes_a_file(tmp_path: Path, generated: list[Score], corpus: list[Score], recwarn) -> None:
    path = tmp_path / "figures.png"
    comparison_plot.plot_comparison(compare(generated, corpus, OTHER), path)
    assert image.imread(path).shape[1] == 1500
    assert [found.name for found in tmp_path.iterdir()] == ["figures.png"]
    assert not recwarn.list
