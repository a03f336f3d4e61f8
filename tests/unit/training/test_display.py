"""What a person sees: a bar on a terminal, lines anywhere, the log always, TensorBoard where it is installed."""

import io
import sys
from pathlib import Path

import pytest
from rich.console import Console

from crnn_audio import console
from crnn_audio.metrics.error_rate import word_errors
from crnn_audio.metrics.scores import Scores
from crnn_audio.metrics.transcripts import ScoredUtterance, scores_of
from crnn_audio.problems.text import TextSample
from crnn_audio.training import display
from crnn_audio.training.checkpoint import Progress
from crnn_audio.training.diagnostics import Log
from crnn_audio.training.display import Display
from crnn_audio.training.step import StepReport

REPORT = StepReport(
    step=0, epoch=0, loss=2.5, lr=1e-3, gradient_norm=3.25, clipped=True, amount=9.0, padded_amount=10.0,
    wait_seconds=0.25, step_seconds=0.75,
)  # fmt: skip


def scores(*pairs: tuple[str, str]) -> Scores:
    return scores_of(
        [
            ScoredUtterance(f"c{index}", said, found, word_errors(said, found), word_errors(said, found), 1.5)
            for index, (said, found) in enumerate(pairs)
        ]
    )


def on(screen: io.StringIO, *, terminal: bool):
    return lambda quiet: Console(file=screen, force_terminal=terminal, width=200, quiet=quiet, highlight=False)


@pytest.fixture(autouse=True)
def _no_picture(monkeypatch):
    monkeypatch.setattr(display, "plot_curves", lambda log, path: path.write_bytes(b"plotted"))


@pytest.fixture
def shown(tmp_path, monkeypatch):
    monkeypatch.setattr(console, "_terminal", on(io.StringIO(), terminal=False))
    monkeypatch.setattr(display, "_tensorboard", lambda folder: None)
    return Display(Log(tmp_path / "log.jsonl"), tmp_path, total_steps=101, max_epochs=4, start_step=0)


def test_a_step_is_logged_with_every_figure(shown) -> None:
    with shown:
        shown.stepped(REPORT, Progress(step=1))
    (entry,) = shown.log.entries("step")
    assert entry == {
        "event": "step", "steps": 1, "epoch": 0, "loss": 2.5, "lr": 1e-3, "gradient_norm": 3.25, "clipped": True,
        "amount": 9.0, "padded_amount": 10.0, "wait_seconds": 0.25, "step_seconds": 0.75, "processes": 1,
    }  # fmt: skip


def test_the_figures_are_loss_speed_gradient_waiting_padding_and_time_left(shown) -> None:
    with shown:
        shown.stepped(REPORT, Progress(step=1))
        shown.validated(scores(("a b", "a c")), Progress(step=1, epoch=1, best_score=0.5, best_epoch=1), best=True)
    line = shown.bar.console.file.getvalue().splitlines()[0]
    assert line == (
        "epoch 1/4  dev WER 50.00 % (best so far)  "
        "loss 2.500  9 s/s  grad 3.25  wait 25.0%  padding 10.0%  0:01:40 left"
    )


def test_hypotheses_stand_beside_their_references_wrong_ones_first(shown) -> None:
    with shown:
        progress = Progress(step=1, epoch=2, best_score=0.25, best_epoch=1)
        shown.validated(scores(("one", "one"), ("two [red]", ""), ("six", "sick")), progress, best=False)
    said = shown.bar.console.file.getvalue().splitlines()
    assert said[0].startswith("epoch 2/4  dev WER 75.00 % (best WER 25.00 % in epoch 1)")
    assert said[1:] == [
        "    reference   two [red]", "    hypothesis  (nothing)", "    reference   six", "    hypothesis  sick",
    ]  # fmt: skip
    (entry,) = shown.log.entries("dev")
    assert (entry["score"], entry["best"], entry["epoch"], entry["empty_rate"]) == (0.75, False, 2, 1 / 3)
    assert (shown.folder / "curves.png").read_bytes() == b"plotted"


def test_a_long_example_is_shortened_and_on_one_line(shown) -> None:
    with shown:
        shown.validated(scores(("word " * 2000, "a\nb\x1b[0m")), Progress(step=1, epoch=1), best=True)
    said = shown.bar.console.file.getvalue()
    assert " ... (10,000 characters)" in said
    assert "\x1b" not in said
    assert len(said) < 700


def test_nothing_but_blanks_three_times_gives_advice_once(shown) -> None:
    with shown:
        for epoch in range(1, 6):
            shown.validated(scores(("one", "")), Progress(step=epoch, epoch=epoch, best_score=1.0), best=False)
    assert shown.bar.console.file.getvalue().count("Only blanks for 3 evaluations") == 1


def test_without_a_terminal_a_line_comes_now_and_then(shown, monkeypatch) -> None:
    now = [1000.0]
    monkeypatch.setattr(console.time, "monotonic", lambda: now[0])
    shown.bar.last_line = 1000.0
    with shown:
        for step in range(1, 5):
            now[0] += 12.0
            shown.stepped(REPORT, Progress(step=step))
    (line,) = shown.bar.console.file.getvalue().splitlines()
    assert line.startswith("epoch 1/4: step 3/101  loss 2.500")


def test_on_a_terminal_there_is_a_bar(tmp_path, monkeypatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(display, "_tensorboard", lambda folder: None)
    monkeypatch.setattr(console, "_terminal", on(screen, terminal=True))
    with Display(Log(tmp_path / "log.jsonl"), tmp_path, total_steps=101, max_epochs=4, start_step=50) as shown:
        shown.stepped(REPORT, Progress(step=51))
        shown.bar.bars.refresh()
    assert "51/101" in screen.getvalue()
    assert "epoch 1/4" in screen.getvalue()
    assert "loss 2.500" in screen.getvalue()


def test_tensorboard_is_written_where_it_is_installed(tmp_path) -> None:
    pytest.importorskip("tensorboard", reason="tensorboard is an extra")
    from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

    shown = Display(Log(tmp_path / "log.jsonl"), tmp_path, total_steps=9, max_epochs=4, start_step=0)
    with shown:
        shown.stepped(REPORT, Progress(step=1))
        shown.validated(scores(("a", "b")), Progress(step=1, epoch=1, best_score=1.0), best=True)
    events = EventAccumulator(str(tmp_path / "tensorboard")).Reload()
    found = {name: [(one.step, one.value) for one in events.Scalars(name)] for name in events.Tags()["scalars"]}
    assert found.keys() == {"train/loss", "train/lr", "train/gradient_norm", "dev/wer"}
    assert found["train/loss"] == [(1, 2.5)]
    assert found["dev/wer"] == [(1, 1.0)]


def test_without_tensorboard_nothing_of_it_is_written(tmp_path, monkeypatch) -> None:
    monkeypatch.setitem(sys.modules, "torch.utils.tensorboard", None)
    with Display(Log(tmp_path / "log.jsonl"), tmp_path, total_steps=9, max_epochs=4, start_step=0) as shown:
        shown.stepped(REPORT, Progress(step=1))
    assert [path.name for path in Path(tmp_path).iterdir()] == ["log.jsonl"]


def test_a_text_that_was_written_is_shown_and_cannot_change_the_terminal(tmp_path, monkeypatch) -> None:
    screen = io.StringIO()
    monkeypatch.setattr(console, "_terminal", on(screen, terminal=False))
    monkeypatch.setattr(display, "_tensorboard", lambda folder: None)
    with Display(Log(tmp_path / "log.jsonl"), tmp_path, total_steps=10, max_epochs=4, start_step=0) as shown:
        sample = TextSample("the", "cat\x1b[2J\n[red] sat")
        found = Scores({"nats_per_character": 1.5}, 1.5, "2 characters", sample=sample)
        shown.validated(found, Progress(step=9, epoch=1), best=True)
    assert "    after 'the':\n    cat\\x1b[2J\n    [red] sat\n" in screen.getvalue()
    assert (tmp_path / "samples" / "epoch-001.txt").read_text() == "after 'the':\ncat\x1b[2J\n[red] sat\n"
