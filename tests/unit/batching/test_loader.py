"""Planned cuts become padded batches: what is read, where it is put, and what an unreadable file says."""

import errno
import os
import resource
import select
import signal
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch

from crnn_audio.batching.loader import (
    Cuts,
    Packed,
    SpeechFeed,
    batches,
    pad_tokens,
    pad_waveforms,
    report_worker_deaths,
)
from crnn_audio.batching.manifests import Cut, Recording, whole
from crnn_audio.batching.plan import PlannedCut, key
from crnn_audio.errors import DataError, RunError
from crnn_audio.features.distort import Distortion
from tests.trainings import die, in_child

RATE = 8000


def recording(folder: Path, name: str, samples: int, rate: int = RATE) -> Recording:
    ramp = (16 * (np.arange(samples) % 1000 + 1)).astype(np.int16)  # loud enough to stay as it is
    soundfile.write(folder / f"{name}.wav", ramp, rate, subtype="PCM_16")
    return Recording(name, folder / f"{name}.wav", rate, samples)


@pytest.fixture
def cuts(tmp_path) -> Cuts:
    chosen = [
        whole(recording(tmp_path, "a", 900), "a"),
        whole(recording(tmp_path, "b", 500), "b"),
        Cut("c", recording(tmp_path, "c", 1000), 0.025, 0.0375, "c"),
        whole(recording(tmp_path, "d", 3001, 3 * RATE), "d"),
    ]
    return Cuts(chosen, [[2, 3, 4], [5], [6, 7], [8]], sample_rate=RATE, seed=9)


def planned(cuts: Cuts, *indices: int, speed: float = 1.0) -> tuple[PlannedCut, ...]:
    return tuple(PlannedCut(index, speed, cuts.cuts[index].duration / speed) for index in indices)


def test_a_batch_is_padded_with_zeros_behind_each_waveform(cuts) -> None:
    (batch,) = batches(cuts, [(4, planned(cuts, 1, 0))])
    assert batch.audio.waveforms.shape == (2, 900)
    assert batch.audio.lengths.tolist() == [500, 900]
    for row, length in zip(batch.audio.waveforms, (500, 900), strict=True):
        assert torch.equal(row[:length] * 2048, torch.arange(1, length + 1, dtype=torch.float32))
        assert not row[length:].any()
    assert batch.audio.sample_rate == RATE
    assert batch.targets.tokens.tolist() == [[5, 0, 0], [2, 3, 4]]
    assert batch.targets.lengths.tolist() == [1, 3]
    assert batch.cut_ids == ("b", "a")
    assert batch.keys == (key(9, 4, "b"), key(9, 4, "a"))
    assert batch.epoch == 4
    assert (batch.size, batch.amount, batch.padded_amount) == (2, 1400 / RATE, 1800 / RATE)


def test_a_cut_inside_its_recording_is_read_from_its_own_samples(cuts) -> None:
    (batch,) = batches(cuts, [(0, planned(cuts, 2))])
    assert (batch.audio.waveforms[0] * 2048).tolist() == list(range(201, 501))


@pytest.mark.parametrize("speed", [0.9, 1.0, 1.1])
def test_the_samples_that_will_come_are_known_without_reading(cuts, speed) -> None:
    (batch,) = batches(cuts, [(0, planned(cuts, 0, 1, 2, 3, speed=speed))])
    assert batch.audio.lengths.tolist() == [cuts.num_samples(index, speed) for index in range(4)]
    assert batch.audio.lengths.tolist()[3] == round(1000 / speed)


def test_a_batch_depends_neither_on_workers_nor_on_its_neighbours(cuts) -> None:
    plan = [(1, planned(cuts, 0, 2)), (1, planned(cuts, 3)), (2, planned(cuts, 1))]
    alone = [batch for item in plan for batch in batches(cuts, [item])]
    for found in (list(batches(cuts, plan)), list(batches(cuts, plan, workers=2))):
        assert [batch.cut_ids for batch in found] == [("a", "c"), ("d",), ("b",)]
        pairs = zip(found, alone, strict=True)
        assert all(torch.equal(one.audio.waveforms, other.audio.waveforms) for one, other in pairs)


@pytest.mark.parametrize("workers", [0, 1])
def test_an_unreadable_file_is_one_clear_error_also_from_a_worker(cuts, workers) -> None:
    cuts.cuts[1].recording.path.unlink()
    loaded = batches(cuts, [(0, planned(cuts, 0)), (0, planned(cuts, 2, 1))], workers=workers)
    assert next(loaded).cut_ids == ("a",)
    with pytest.raises(DataError) as raised:
        next(loaded)
    assert str(raised.value).startswith(f"cut 'b': {cuts.cuts[1].recording.path}: no such file")
    assert "Traceback" not in str(raised.value)


class Deadly(Cuts):
    """Cuts of which the second kills its reader, `lives` times."""

    folder: Path
    lives: int

    def _read(self, epoch, planned):
        if planned[0].index == 1 and len(dead := list(self.folder.glob("dead*"))) < self.lives:
            (self.folder / f"dead{len(dead)}").touch()
            os.kill(os.getpid(), signal.SIGKILL)
        return super()._read(epoch, planned)


def deadly(cuts: Cuts, folder: Path, lives: int) -> Deadly:
    found = Deadly(cuts.cuts, cuts.targets, sample_rate=cuts.sample_rate, seed=cuts.seed)
    found.folder, found.lives = folder, lives
    return found


@pytest.mark.parametrize("workers", [1, 2])
def test_a_worker_that_dies_has_a_successor_and_no_batch_is_lost(cuts, tmp_path, workers) -> None:
    plan = [(0, planned(cuts, index)) for index in (0, 1, 2, 3)]
    found = list(batches(deadly(cuts, tmp_path, 1), plan, workers=workers))
    assert [batch.cut_ids for batch in found] == [("a",), ("b",), ("c",), ("d",)]
    assert torch.equal(found[3].audio.waveforms, next(batches(cuts, plan[3:])).audio.waveforms)


def test_cuts_that_kill_two_workers_are_named(cuts, tmp_path) -> None:
    loaded = batches(deadly(cuts, tmp_path, 2), [(0, planned(cuts, index)) for index in (0, 1, 2)], workers=2)
    assert next(loaded).cut_ids == ("a",)
    with pytest.raises(DataError, match=r"Two processes died that read these cuts: 'b' \(.*worker.*data\.workers=0"):
        next(loaded)


def test_a_death_in_the_midst_of_a_step_is_reported_in_a_line() -> None:
    with (
        pytest.raises(
            RunError, match=r"died \(DataLoader worker \(pid 7\) is killed by signal: Killed\)\. The same call"
        ),
        report_worker_deaths(),
    ):
        raise RuntimeError("DataLoader worker (pid 7) is killed by signal: Killed. ")
    with pytest.raises(RuntimeError, match="shapes"), report_worker_deaths():
        raise RuntimeError("shapes differ")


def test_a_limit_of_file_sizes_keeps_no_batch_in_a_worker(cuts) -> None:
    """As a container with little shared memory: a tensor cannot be put there, and training would wait for ever."""

    def work() -> None:
        resource.setrlimit(resource.RLIMIT_FSIZE, (1000, 1000))
        resource.setrlimit(resource.RLIMIT_NOFILE, (64, 64))  # files that a tensor in shared memory would keep open
        plan = [(0, planned(cuts, index % 4)) for index in range(40)]
        assert [batch.cut_ids[0] for batch in batches(cuts, plan, workers=1)] == ["a", "b", "c", "d"] * 10

    assert in_child(work) == 0


def test_a_batch_that_cannot_be_handed_over_is_a_death_and_no_wait(cuts, monkeypatch) -> None:
    monkeypatch.setattr(Packed, "__reduce__", lambda packed: (_ for _ in ()).throw(MemoryError()))
    with pytest.raises(DataError, match=r"Two processes died that read these cuts: 'a' \(.*worker.*data\.workers=0"):
        list(batches(cuts, [(0, planned(cuts, 0))], workers=1))


@pytest.mark.parametrize("after", [0, 1])
def test_where_no_process_can_be_started_this_one_reads_and_says_so(cuts, monkeypatch, capfd, after) -> None:
    started, fork = [], os.fork

    def refuse() -> int:
        if len(started) == after:
            raise BlockingIOError(errno.EAGAIN, "Resource temporarily unavailable")
        started.append(0)
        return fork()

    monkeypatch.setattr(os, "fork", refuse)
    found = list(batches(cuts, [(0, planned(cuts, index)) for index in (0, 1, 2)], workers=2))
    assert [batch.cut_ids for batch in found] == [("a",), ("b",), ("c",)]
    (line,) = capfd.readouterr().err.splitlines()
    assert line.startswith("data.workers=2: processes that read ahead cannot be started (Resource temporarily")
    assert "--shm-size" in line


def test_a_disk_of_shared_memory_that_is_full_is_no_more_than_a_line(cuts, monkeypatch, capfd) -> None:
    monkeypatch.setattr(torch.multiprocessing, "Queue", lambda: (_ for _ in ()).throw(OSError(errno.ENOSPC, "Full")))
    assert len(list(batches(cuts, [(0, planned(cuts, 0))], workers=2))) == 1
    assert capfd.readouterr().err.count("\n") == 1


@pytest.mark.skipif(sys.platform != "linux", reason="only Linux tells a process that its parent has died")
def test_a_worker_dies_at_once_with_the_process_that_it_reads_for(cuts) -> None:
    """Seen by a pipe that both hold open; by itself a worker would look around after five seconds."""
    ours, theirs = os.pipe()

    def work() -> None:
        loaded = batches(cuts, [(0, planned(cuts, index)) for index in range(4)], workers=1)
        next(loaded)
        die()

    assert in_child(work) == -signal.SIGKILL
    os.close(theirs)
    assert select.select([ours], [], [], 2.0)[0], "somebody lives on"
    os.close(ours)


def test_a_feed_gives_the_parts_of_each_global_batch(cuts) -> None:
    plan = [planned(cuts, 0, 1, 2), planned(cuts, 3)]
    feed = SpeechFeed(cuts, lambda epoch: plan, accumulate=2)
    assert feed.num_steps(0) == 2
    assert [[part.cut_ids for part in parts] for parts in feed.steps(0, 0)] == [[("a", "c"), ("b",)], [("d",)]]
    assert [[part.cut_ids for part in parts] for parts in feed.steps(0, 1)] == [[("d",)]]
    assert list(feed.steps(0, 2)) == []


def test_ranks_share_each_global_batch_and_one_may_have_nothing_of_it(cuts) -> None:
    plan = [planned(cuts, 0, 1, 2), planned(cuts, 3)]

    def shares(rank: int, ranks: int, accumulate: int = 1) -> list[list[tuple[str, ...]]]:
        feed = SpeechFeed(cuts, lambda epoch: plan, accumulate, rank=rank, ranks=ranks)
        assert feed.num_steps(0) == 2
        return [[part.cut_ids for part in parts] for parts in feed.steps(0, 0)]

    assert [shares(rank, 2) for rank in range(2)] == [[[("a", "c")], [("d",)]], [[("b",)], []]]
    assert [shares(rank, 2, 2) for rank in range(2)] == [[[("a",), ("c",)], [("d",)]], [[("b",)], []]]
    assert shares(2, 3) == [[("c",)], []]


def test_padding_by_hand() -> None:
    batch = pad_waveforms([np.ones(2, np.float32), np.full(3, 2, np.float32)], RATE)
    assert batch.waveforms.tolist() == [[1, 1, 0], [2, 2, 2]]
    assert batch.waveforms.dtype == torch.float32
    tokens = pad_tokens([[], [3, 1]])
    assert tokens.tokens.tolist() == [[0, 0], [3, 1]]
    assert tokens.tokens.dtype == torch.long
    assert tokens.lengths.tolist() == [0, 2]


def test_a_batch_moves_to_a_device_whole(cuts) -> None:
    (batch,) = batches(cuts, [(0, planned(cuts, 0))])
    moved = batch.to(torch.device("meta"))
    tensors = (moved.audio.waveforms, moved.audio.lengths, moved.targets.tokens, moved.targets.lengths)
    assert {tensor.device.type for tensor in tensors} == {"meta"}
    assert (moved.cut_ids, moved.keys, moved.epoch) == (batch.cut_ids, batch.keys, batch.epoch)


def test_a_distortion_comes_after_speed_and_is_sampled_from_seed_epoch_and_cut(cuts) -> None:
    def distorted(epoch: int, *indices: int, workers: int = 0) -> list[torch.Tensor]:
        cuts.distortion = Distortion(RATE, gain_db=6.0, noise_probability=1.0)
        (batch,) = batches(cuts, [(epoch, planned(cuts, *indices, speed=1.1))], workers=workers)
        return [row[:length] for row, length in zip(batch.audio.waveforms, batch.audio.lengths, strict=True)]

    (plain,) = batches(cuts, [(3, planned(cuts, 0, speed=1.1))])
    wave = plain.audio.waveforms[0].numpy()
    wanted = Distortion(RATE, gain_db=6.0, noise_probability=1.0)(
        wave, np.random.default_rng(key(9, 3, "a", "distortion"))
    )
    assert torch.equal(distorted(3, 0)[0], torch.from_numpy(wanted))
    assert torch.equal(distorted(3, 0)[0], distorted(3, 1, 0, workers=1)[1])
    assert not torch.equal(distorted(3, 0)[0], distorted(4, 0)[0])
