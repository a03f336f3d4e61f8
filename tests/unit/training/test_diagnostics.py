"""The log that survives a kill, the advice against blanks, and the picture of the curves."""

import json
import math
import struct

import pytest

from crnn_audio.errors import RunError
from crnn_audio.training.diagnostics import Log, advice, plot_curves


def stepped(log: Log, steps: int, epoch: int = 0, **figures) -> None:
    log.add(
        "step",
        steps,
        **({"epoch": epoch, "loss": 2.0 / steps, "lr": 1e-3, "gradient_norm": 1.0, "clipped": False} | figures),
    )


def evaluated(log: Log, steps: int, epoch: int, **figures) -> None:
    log.add("dev", steps, **({"epoch": epoch, "metric": "wer", "score": 0.5, "loss": 1.0, "empty_rate": 0.0} | figures))


@pytest.fixture
def log(tmp_path) -> Log:
    return Log(tmp_path / "log.jsonl")


def test_a_line_each_is_added_and_read_back_by_kind(log) -> None:
    assert log.entries() == []
    stepped(log, 1)
    evaluated(log, 1, 1)
    assert [entry["event"] for entry in log.entries()] == ["step", "dev"]
    assert log.entries("dev")[0]["score"] == 0.5
    assert len(log.path.read_text().splitlines()) == 2
    assert all(json.loads(line) for line in log.path.read_text().splitlines())


def test_it_is_cut_back_to_the_checkpoint(log) -> None:
    for step in range(1, 7):
        stepped(log, step, epoch=(step - 1) // 2)
        if step % 2 == 0:
            evaluated(log, step, step // 2)
    log.cut_back(4, 2)
    assert [(entry["event"], entry["steps"]) for entry in log.entries()] == [
        ("step", 1), ("step", 2), ("dev", 2), ("step", 3), ("step", 4), ("dev", 4),
    ]  # fmt: skip
    log.cut_back(4, 1)  # the checkpoint of step 4, from before dev was evaluated
    assert [entry["steps"] for entry in log.entries("dev")] == [2]
    assert len(log.entries("step")) == 4
    log.cut_back(0, 0)
    assert log.entries() == []


def test_half_a_line_is_forgotten(log) -> None:
    stepped(log, 1)
    with log.path.open("a") as opened:
        opened.write('{"event": "step", "steps": 2, "lo')
    assert len(log.entries()) == 1
    log.cut_back(1, 0)
    stepped(log, 2)
    assert [entry["steps"] for entry in log.entries()] == [1, 2]


@pytest.mark.parametrize(
    "garbage",
    [
        b"\xff\xfe\x00\n",
        b"\0" * 40 + b"\n",
        b"[]\n3\nnull\n",
        b'{"event": "step"}\n',
        b'{"event": "step", "steps": "2", "epoch": 0}\n',
        b"[" * 9999 + b"\n",
    ],
)
def test_lines_that_are_none_are_forgotten(log, garbage) -> None:
    stepped(log, 1)
    log.path.write_bytes(log.path.read_bytes() + garbage)
    stepped(log, 2)
    assert [entry["steps"] for entry in log.entries()] == [1, 2]
    log.cut_back(2, 0)
    assert len(log.path.read_text().splitlines()) == 2


def test_a_log_that_cannot_be_written_is_one_error(tmp_path) -> None:
    log = Log(tmp_path / "gone" / "log.jsonl")
    with pytest.raises(RunError, match=r"gone: cannot be written \(No such file or directory\)"):
        stepped(log, 1)


# ---------------------------------------------------------------------------------------- advice


def evaluations(*empty_rates: float) -> list[dict]:
    return [{"empty_rate": share} for share in empty_rates]


@pytest.mark.parametrize(
    ("shares", "count"),
    [
        ((), None),
        ((1, 1), None),
        ((1, 1, 1), 3),
        ((1, 1, 1, 1), None),  # not said again each time
        ((1,) * 6, 6),
        ((1, 1, 1, 0.99), None),
        ((0.5, 1, 1, 1), 3),
        ((1, 1, 1, 0.5, 1, 1), None),
    ],
)
def test_three_evaluations_of_blanks_give_advice_once(shares, count) -> None:
    said = advice(evaluations(*shares))
    if count is None:
        assert said is None
    else:
        assert said.startswith(f"Only blanks for {count} evaluations")
        assert all(
            field in said for field in ("data.first_epoch", "augment.spec_augment", "model.recurrent.norm", "optim.lr")
        )


def test_the_advice_names_fields_that_exist() -> None:
    from crnn_audio.config.recognition import RecognitionRecipe

    recipe = RecognitionRecipe.model_validate(
        {"data": {"corpus": "an4", "first_epoch": "short_first"}, "model": {"recurrent": {"norm": "layer"}}}
    )
    said = advice(evaluations(1, 1, 1))
    for word in ("data.first_epoch", "augment.spec_augment", "model.recurrent.norm", "optim.lr"):
        value = recipe
        for name in word.split("."):
            value = getattr(value, name)
        assert word in said


# ---------------------------------------------------------------------------------------- curves


def size_of_png(path) -> tuple[int, int]:
    content = path.read_bytes()
    assert content[:8] == b"\x89PNG\r\n\x1a\n"
    assert content[-8:-4] == b"IEND"
    return struct.unpack(">II", content[16:24])


def test_the_curves_are_a_png(log, tmp_path) -> None:
    for step in range(1, 30):
        stepped(log, step)
    evaluated(log, 29, 1)
    plot_curves(log, tmp_path / "curves.png")
    assert min(size_of_png(tmp_path / "curves.png")) > 500
    assert sorted(path.name for path in tmp_path.iterdir()) == ["curves.png", "log.jsonl"]


@pytest.mark.parametrize(
    "figures",
    [{"loss": math.inf}, {"loss": 0.0, "gradient_norm": 0.0}, {"score": math.inf}, {"score": 0.0, "loss": math.nan}],
)
@pytest.mark.filterwarnings("ignore:Data has no positive values")
def test_odd_figures_draw_too(log, tmp_path, figures) -> None:
    step = {name: value for name, value in figures.items() if name != "score"}
    stepped(log, 1, **step)
    evaluated(log, 1, 1, **{name: value for name, value in figures.items() if name in ("score", "loss")})
    plot_curves(log, tmp_path / "curves.png")
    size_of_png(tmp_path / "curves.png")


def test_without_steps_there_is_no_picture_and_without_dev_there_is(log, tmp_path) -> None:
    plot_curves(log, tmp_path / "curves.png")
    assert not (tmp_path / "curves.png").exists()
    stepped(log, 1)
    plot_curves(log, tmp_path / "curves.png")
    size_of_png(tmp_path / "curves.png")
