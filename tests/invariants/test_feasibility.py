"""Law 9: a cut that CTC cannot fit into its frames, repeats and fastest speed counted, is found before training."""

import json
import math

import pytest
import soundfile
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from crnn_audio.batching import manifests
from crnn_audio.batching.checks import Finding
from crnn_audio.batching.plan import PlannedCut
from crnn_audio.decoding.greedy import needed_frames
from crnn_audio.errors import DataError
from crnn_audio.problems import recognition, speech
from crnn_audio.tasks.ctc import ctc_losses
from crnn_audio.types import Encoded
from tests import trainings
from tests.invariants.small import moved


@settings(max_examples=100, deadline=None)
@given(st.lists(st.integers(1, 3), min_size=1, max_size=6), st.integers(1, 14))
def test_the_needed_frames_are_where_the_ctc_loss_becomes_finite(tokens, frames) -> None:
    log_probs = torch.zeros(frames, 1, 4).log_softmax(-1)
    loss = torch.nn.functional.ctc_loss(log_probs, torch.tensor([tokens]), [frames], [len(tokens)], reduction="sum")
    assert math.isfinite(loss) == (frames >= needed_frames(tokens))


def prepared(folder, cuts, changes):
    manifests.save(cuts, folder / "train.jsonl")
    recipe = trainings.small(folder, {"features.normalize": "none", "data.batch_seconds": 30.0} | changes)
    data, assets = trainings.read(recipe)
    return recipe, recognition.task(recipe, assets), speech.cuts(recipe, data.items["train"], assets.vocabulary)


def findings(recipe, task, ready) -> list[Finding]:
    kinds = speech.findings_by_kind(recipe, ready.cuts, task.vocabulary)
    return [finding for found in kinds.values() for finding in found]


def hopeless(task, ready, speed: float) -> set[str]:
    """Cuts whose loss, inner ones too, is infinite when they are really played at that speed and really recognised."""
    found = set()
    for index, cut in enumerate(ready.cuts):
        batch = ready[0, (PlannedCut(index, speed, cut.duration / speed),)]
        with torch.inference_mode():
            encoded = task.eval()(batch.audio)
        guesses = [Encoded(guess, encoded.lengths) for guess in (encoded.frames, *encoded.intermediate)]
        losses = [float(ctc_losses(one, batch.targets)) for one in guesses if int(encoded.lengths)]
        (fits,) = {math.isfinite(loss) for loss in losses} or {False}
        if not fits:
            found.add(cut.id)
    return found


@pytest.mark.parametrize("speeds", [[1.0], [0.9, 1.0, 1.1], [1.13]])
@pytest.mark.parametrize("rate", [8000, 16000, 22050, 44100])
@pytest.mark.parametrize("text", ["abcdabcd", "aabbaabb"])
def test_findings_are_exactly_the_cuts_with_infinite_loss_at_the_fastest_speed(tmp_path, speeds, rate, text) -> None:
    assert_findings_at_the_edge(tmp_path, speeds, rate, text, {})


@pytest.mark.parametrize("text", ["abcdabcd", "aabbaabb"])
def test_inner_heads_and_a_look_ahead_need_no_other_frames(tmp_path, text) -> None:
    live = {"model.recurrent.bidirectional": False, "model.recurrent.look_ahead": 3, "model.recurrent.num_layers": 3}
    assert_findings_at_the_edge(tmp_path, [0.9, 1.1], 16000, text, live | {"task.intermediate": 0.3})


def assert_findings_at_the_edge(tmp_path, speeds, rate, text, changes) -> None:
    """Lengths around the edges where one sample more makes a frame more: 8 and 12 frames after subsampling by 4."""
    fastest, needed = max(speeds), needed_frames([ord(one) for one in text])
    edge = ((4 * (needed - 1) + 1) * 80 - 40) * fastest * rate / trainings.RATE  # samples of the fewest fbank frames
    cuts = [trainings.beep(tmp_path, f"{more}", text, (round(edge) + more) / rate, rate) for more in range(-8, 9)]
    cuts.append(trainings.beep(tmp_path, "long", text, 2 * edge / rate, rate))
    recipe, task, ready = prepared(tmp_path, cuts, {"augment.speed": speeds} | changes)
    moved(task.model)
    found = {finding.cut_id for finding in findings(recipe, task, ready)}
    assert found == hopeless(task, ready, fastest)
    assert "-8" in found
    assert not found & {"8", "long"}


def test_the_message_counts_tokens_repeats_and_frames(tmp_path) -> None:
    cuts = [trainings.beep(tmp_path, "fash", "aabbcdee", 0.38), trainings.beep(tmp_path, "fine", "abcde", 0.5)]
    recipe, task, ready = prepared(tmp_path, cuts, {"augment.speed": [1.0, 1.1]})
    (finding,) = findings(recipe, task, ready)
    assert str(finding) == (
        "cut 'fash': 8 tokens with 3 repeats need at least 11 frames after subsampling by 4, but it has 9. "
        "Lower the subsampling factor or drop the cut (`prepare folder` does with --leave-out)."
    )


def two_hundred(folder, hopeless: int):
    """Two hundred cuts of one recording, some with far more text than frames; fast enough to be trained on."""
    folder.mkdir()
    fine = trainings.beep(folder, "fine", "abc", 0.3)
    texts = ["abcabcabcabcabc" if index % 60 == 7 and index < 60 * hopeless else "abc" for index in range(200)]
    cuts = [manifests.Cut(f"c{n}", fine.recording, 0.0, fine.duration, text) for n, text in enumerate(texts)]
    manifests.save(cuts, folder / "train.jsonl")
    return trainings.small(folder, {"data.batch_seconds": 20.0, "optim.max_epochs": 1})


@pytest.mark.parametrize("count", [1, 2])
def test_up_to_one_in_a_hundred_is_left_out_with_a_count_and_a_list(tmp_path, monkeypatch, count) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = two_hundred(tmp_path / "corpus", count)
    trained, said = trainings.quietly(recipe, tmp_path / "out")
    listed = [json.loads(line) for line in (tmp_path / "out" / "left_out.jsonl").read_text().splitlines()]
    assert [entry["cut"] for entry in listed] == ["c7", "c67"][:count]
    assert all("15 tokens with 0 repeats need at least 15 frames" in entry["problem"] for entry in listed)
    assert any(f"Left out {count} of 200 training cuts" in line and "left_out.jsonl" in line for line in said)
    assert any("cut 'c7'" in line for line in said)
    played = sum(entry["amount"] for entry in trainings.log_of(tmp_path / "out", "step"))
    assert played == pytest.approx(0.3 * (200 - count))
    assert trained.finished


def test_more_than_one_in_a_hundred_refuses(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = two_hundred(tmp_path / "corpus", 3)
    with pytest.raises(DataError) as raised:
        trainings.quietly(recipe, tmp_path / "out")
    message = str(raised.value)
    assert "3 of 200 cuts cannot be used" in message
    assert all(f"cut '{name}'" in message for name in ("c7", "c67", "c127"))


def test_a_cut_with_two_faults_counts_once(tmp_path, monkeypatch) -> None:
    monkeypatch.chdir(tmp_path)
    recipe = two_hundred(tmp_path / "corpus", 1)
    manifest = tmp_path / "corpus" / "train.jsonl"
    silent = trainings.beep(tmp_path / "corpus", "silent", "", 0.3)
    soundfile.write(silent.recording.path, [0.0] * 2400, 8000, subtype="PCM_16")
    lines = manifest.read_text().splitlines()[:150]
    both = json.loads(lines[7])
    both["recording"]["sources"][0]["source"] = "silent.wav"
    both["recording"]["id"] = "silent"
    lines[7] = json.dumps(both)
    manifest.write_text("\n".join(lines))
    _, said = trainings.quietly(recipe, tmp_path / "out")  # one in 150, though unusable for two reasons
    assert any("Left out 1 of 150" in line for line in said)
