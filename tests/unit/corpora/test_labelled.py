"""Corpora of labelled recordings: layouts, folds by speaker or as published, duplicates, and what is refused."""

from pathlib import Path

import numpy as np
import pytest
import soundfile

from crnn_audio.corpora import esc10, folds, speech_commands
from crnn_audio.errors import DataError


def write(path: Path, seed: int, rate: int = 16000) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.random.default_rng(seed).normal(0, 0.1, 80), rate)


@pytest.fixture
def commands(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(speech_commands, "EXPECTED", 42)
    for speaker in range(3):
        for number, label in enumerate(speech_commands.COMMANDS):
            write(tmp_path / label / f"{speaker:08x}_nohash_0.wav", 10 * speaker + number)
    for word in range(8):
        write(tmp_path / "_unknown_" / f"bird_{word % 3:08x}_nohash_{word}.wav", 100 + word)
    for number in range(4):
        write(tmp_path / "_silence_" / f"{number}.wav", 200 + max(number, 1))  # 0 and 1 are alike
    return tmp_path


def test_folds_part_speakers_and_leave_out_duplicates(commands: Path) -> None:
    found = speech_commands.read_folds(commands)
    cuts = [cut for fold in found for cut in fold]
    assert len(cuts) == 41
    assert {"_silence_/0", "_silence_/1"} & {cut.id for cut in cuts} == {"_silence_/0"}
    speakers = [{cut.speaker for cut in fold} - {None} for fold in found]
    assert sum(map(len, speakers)) == len(set().union(*speakers)) == 3
    (bird,) = [cut for cut in cuts if cut.id == "_unknown_/bird_00000001_nohash_4"]
    assert (bird.label, bird.text, bird.speaker) == ("_unknown_", "bird", "00000001")
    (yes,) = [cut for cut in cuts if cut.id == "yes/00000002_nohash_0"]
    assert (yes.label, yes.text) == ("yes", "yes")
    (silence,) = [cut for cut in cuts if cut.id == "_silence_/3"]
    assert (silence.label, silence.text, silence.speaker) == ("_silence_", "", None)
    assert speech_commands.read_splits(commands) == folds.read_splits(speech_commands, commands, 1)
    (commands / "yes" / "00000002_nohash_0.wav").unlink()
    with pytest.raises(DataError, match="41 recordings, where speech_commands has 42"):
        speech_commands.read_folds(commands)


@pytest.fixture
def sounds(tmp_path: Path, monkeypatch) -> Path:
    monkeypatch.setattr(esc10, "EACH", (5, 5))
    for number, label in enumerate(esc10.CLASSES):
        for fold in range(1, 6):
            name = label.capitalize().replace(" ", "_")
            write(tmp_path / f"{number + 1:03}_{name}" / f"{fold}-{number}-A.wav", 10 * number + fold)
    return tmp_path


def test_the_fold_is_the_first_number_of_the_name(sounds: Path, tmp_path_factory) -> None:
    found = esc10.read_folds(sounds)
    assert [{cut.id[0] for cut in fold} for fold in found] == [{"1"}, {"2"}, {"3"}, {"4"}, {"5"}]
    assert {cut.label for cut in found[0]} == set(esc10.CLASSES)
    whole = tmp_path_factory.mktemp("esc50")  # the layout of ESC-50
    rows = ["filename,fold,target,category,esc10"]
    for number, name in enumerate([*esc10.CLASSES.values(), "airplane"]):
        for fold in range(1, 6):
            write(whole / "audio" / f"{fold}-{number}-A-{number}.wav", number)
            rows.append(f"{fold}-{number}-A-{number}.wav,{fold},{number},{name},{name != 'airplane'}")
    (whole / "meta").mkdir()
    (whole / "meta" / "esc50.csv").write_text("\n".join(rows))
    other = esc10.read_folds(whole)
    assert [sorted(cut.label for cut in fold) for fold in other] == [sorted(esc10.CLASSES)] * 5
    write(sounds / "002_Rain" / "6-1-A.wav", 1)
    with pytest.raises(DataError, match="no fold of 1 to 5"):
        esc10.read_folds(sounds)


def test_the_real_corpora_have_their_counts(corpus) -> None:
    found = speech_commands.read_folds(corpus("speech_commands"))
    assert sum(map(len, found)) == 4890 - 121
    assert min(map(len, found)) == 805
    assert sum(map(len, esc10.read_folds(corpus("esc10")))) in (398, 400)
