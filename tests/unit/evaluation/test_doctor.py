"""`check`: what must be fixed and what is odd, by kind, split and cut; of corpora, folders and recipes."""

from dataclasses import replace
from pathlib import Path

import matplotlib.image
import numpy as np
import pytest
import soundfile

from crnn_audio.batching import manifests
from crnn_audio.errors import DataError, RecipeError
from crnn_audio.evaluation import doctor
from crnn_audio.evaluation.diagnosis import lines as diagnosis_lines
from crnn_audio.evaluation.diagnosis import plot_durations
from crnn_audio.evaluation.doctor import check
from tests import trainings


@pytest.fixture(autouse=True)
def _elsewhere(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def root(tmp_path) -> Path:
    """Thirty cuts of train and six of dev, with nothing wrong but their rate."""
    folder = tmp_path / "corpus"
    folder.mkdir()
    generator = np.random.default_rng(0)
    for split, count in (("train", 30), ("dev", 6)):
        texts = ["".join(generator.choice(list("abcdefg "), 20)) + "a" for _ in range(count)]
        cuts = [trainings.beep(folder, f"{split}{n}", text.strip(), 2.0) for n, text in enumerate(texts)]
        manifests.save(
            [replace(cut, speaker=f"{split} {n % 4}") for n, cut in enumerate(cuts)], folder / f"{split}.jsonl"
        )
    return folder


def changed(root: Path, split: str, **cuts: object) -> None:
    """Rewrites a manifest: `train3=lambda cut: ...` gives the cut that stands in its place."""
    path = root / f"{split}.jsonl"
    manifests.save([cuts.get(cut.id, lambda one: one)(cut) for cut in manifests.load(path)], path)


def recipe(root: Path, **changes: object) -> Path:
    from crnn_audio.config import load

    path = root / "recipe.yaml"
    path.write_text(load.dump(trainings.small(root, {"data.batch_seconds": 20.0, **changes})))
    return path


def reported(diagnosis: doctor.Diagnosis, *without: str) -> set[tuple[str, str, str, bool]]:
    return {(one.kind, one.split, one.cut, one.is_error) for one in diagnosis.issues if one.kind not in without}


def test_nothing_wrong_is_nothing_found(root) -> None:
    diagnosis = check(recipe(root))
    assert reported(diagnosis) == set()
    assert diagnosis.usable
    train, dev = diagnosis.splits
    assert (train.split, train.cuts, train.hours, train.speakers) == ("train", 30, round(60 / 3600, 4), 4)
    assert (dev.shortest, dev.median, dev.longest, dev.rates) == (2.0, 2.0, 2.0, {8000: 6})
    assert diagnosis_lines(diagnosis)[-1].endswith("recipe.yaml: usable (0 errors, 0 warnings, 8 tokens in train).")


def test_invisible_characters_and_lopsided_splits_are_remarks(root) -> None:
    changed(root, "train", train3=lambda cut: replace(cut, text=f"\ufeff{cut.text}"))
    manifests.save(manifests.load(root / "dev.jsonl")[:1], root / "dev.jsonl")
    path = recipe(root)
    train = [replace(cut, id=f"{n}{cut.id}") for cut in manifests.load(root / "train.jsonl") for n in range(6)]
    manifests.save(train, root / "train.jsonl")
    diagnosis = check(path)
    assert "6 invisible characters (6 U+FEFF) in 6 texts removed." in diagnosis.remarks[0]
    assert diagnosis.remarks[1].startswith("dev is of 0.0 minutes and train of 6.0: dev is too short")
    assert all(remark in diagnosis_lines(diagnosis) for remark in diagnosis.remarks)
    assert diagnosis.as_json()["remarks"] == list(diagnosis.remarks)


def test_a_folder_is_taken_as_the_defaults_would(root) -> None:
    assert reported(check(root)) == {("rate", "train", "train0", False), ("rate", "dev", "dev0", False)}


def test_a_few_faults_of_train_are_left_out_and_many_are_refused(root) -> None:
    cuts = manifests.load(root / "train.jsonl")
    many = [replace(cut, id=f"{cut.id}-{n}") for n in range(7) for cut in cuts]
    manifests.save(many, root / "train.jsonl")
    broken = {"train0-0": lambda cut: replace(cut, text=""), "train1-0": lambda cut: replace(cut, text="ab" * 40)}
    changed(root, "train", **broken)
    few = {one for one in reported(check(recipe(root))) if one[0] in ("empty", "infeasible")}
    assert few == {("empty", "train", "train0-0", False), ("infeasible", "train", "train1-0", False)}
    changed(root, "train", **{"train2-0": lambda cut: replace(cut, text="")})
    diagnosis = check(recipe(root))
    assert sum(one.is_error for one in diagnosis.issues) == 3
    assert not diagnosis.usable
    assert "not usable as it is" in diagnosis_lines(diagnosis)[-1]


def test_what_cannot_be_read_in_dev_must_be_fixed(root) -> None:
    (root / "dev3.wav").unlink()
    diagnosis = check(recipe(root))
    assert reported(diagnosis) == {("unreadable", "dev", "dev3", True)}
    assert "no such file" in diagnosis.issues[0].problem


def test_a_limit_of_training_is_none_of_dev(root) -> None:
    path = recipe(root, **{"data.batch_seconds": 1.5})
    kinds = {(one.kind, one.split, one.is_error) for one in check(path).issues}
    assert kinds == {("too long", "train", True)}


def test_each_oddity_is_found_where_it_is(root) -> None:
    def over(name: str, waveform: np.ndarray, rate: int = 8000) -> None:
        soundfile.write(root / f"{name}.wav", waveform, rate, subtype="PCM_16")

    noise = np.random.default_rng(5).standard_normal(16000)
    over("train0", 1e-3 * noise / np.abs(noise).max())
    over("train1", np.clip(2 * noise, -1, 1))
    over("train2", np.where(np.arange(16000) // 8000, 0.0, 0.1) * noise)
    over("dev0", soundfile.read(root / "train9.wav")[0])
    changed(
        root, "dev",
        dev1=lambda cut: replace(cut, text="ñandú dev"), dev2=lambda cut: replace(cut, speaker="train 1"),
        dev3=lambda cut: replace(cut, id="train5"), dev4=lambda cut: replace(cut, text=cut.text * 4),
        dev5=lambda cut: replace(cut, text=manifests.load(root / "train.jsonl")[5].text),
    )  # fmt: skip
    changed(root, "train", train7=lambda cut: replace(cut, text=cut.text + " Q"))
    diagnosis = check(recipe(root))
    assert reported(diagnosis) == {
        ("level", "train", "train0", False), ("clipped", "train", "train1", False), ("gap", "train", "train2", False),
        ("copy", "dev", "dev0", True), ("unknown", "dev", "dev1", False), ("shared speaker", "dev", "dev2", False),
        ("shared id", "dev", "train5", False), ("pace", "dev", "dev4", False), ("shared text", "dev", "dev5", False),
        ("rare", "train", "train7", False), ("infeasible", "dev", "dev4", False),
        ("copy", "dev", "dev5", False),  # beeps are equally loud throughout
    }  # fmt: skip
    assert not diagnosis.usable
    assert diagnosis.issues[0].kind == "copy", "what must be fixed comes first"
    text = "\n".join(diagnosis_lines(diagnosis))
    for issue in diagnosis.issues:
        assert f"  {issue.split}, cut {issue.cut!r}: {issue.problem}" in text


def test_silence_is_reported_once(root) -> None:
    soundfile.write(root / "train0.wav", np.zeros(16000), 8000)
    recording = manifests.load(root / "train.jsonl")[1].recording
    waveform = soundfile.read(recording.path)[0]
    waveform[8000:] = 0
    soundfile.write(recording.path, waveform, 8000)
    changed(root, "train", train1=lambda cut: replace(cut, start=1.0, duration=1.0, text="abc"))
    kinds = [(one.kind, one.cut) for one in check(recipe(root)).issues]
    assert kinds == [("unreadable", "train0"), ("silent", "train1")]


def test_rare_words_are_reported_together(root) -> None:
    diagnosis = check(recipe(root, **{"task.vocabulary": "words"}))
    (rare,) = [one for one in diagnosis.issues if one.kind == "rare"]
    assert "words stand less than 5 times" in rare.problem


def test_a_recipe_may_be_changed_and_nothing_else(root) -> None:
    path = recipe(root)
    elsewhere = root.rename(root.parent / "moved")
    with pytest.raises(DataError, match="no such manifest"):
        check(elsewhere / path.name)
    assert check(elsewhere / path.name, [f"data.root={elsewhere}"]).usable
    assert check(elsewhere / path.name, root=elsewhere).usable
    with pytest.raises(RecipeError, match="no recipe, so there is nothing for 'seed=3' to change"):
        check(elsewhere, ["seed=3"])
    with pytest.raises(
        RecipeError, match=r"no such recipe.*Nor is it a folder of manifests, or a corpus \(spoken_digits, an4"
    ):
        check("an5")
    with pytest.raises(RecipeError, match="seed"):
        check(elsewhere / path.name, ["seed=no"])


def test_durations_are_plotted_by_split(root, tmp_path) -> None:
    diagnosis = check(recipe(root))
    assert diagnosis.durations == {"train": [2.0] * 30, "dev": [2.0] * 6}
    plot_durations(diagnosis, tmp_path / "new" / "durations.png")
    picture = matplotlib.image.imread(tmp_path / "new" / "durations.png")
    blue = (picture[..., 2] > 0.6) & (picture[..., 0] < 0.2)
    rows = np.flatnonzero(blue.any(axis=1))
    assert (np.diff(rows) > 20).sum() == 1, "two histograms, one above the other"
    (tmp_path / "file").write_text("")
    with pytest.raises(DataError, match="cannot be written"):
        plot_durations(diagnosis, tmp_path / "file" / "x.png")
