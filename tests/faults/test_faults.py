"""Whichever call to the system fails: no traceback, no waiting, nothing half-written, and the same command goes on.

The places are found in the source (`places.py`), those that a session reaches are watched (`injection.py`), and each
then fails in a session that reaches it: a reading one with an I/O error, a writing one with a full disk.
`CRNN_AUDIO_FUZZ=1000` lets every way to each place fail, in every session.
"""

import os
import signal
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

import jaxtyping
import pytest

from crnn_audio import cli
from tests.faults.injection import READ, WRITE, Point, Watch
from tests.faults.places import places
from tests.faults.reasons import NOT_REACHED
from tests.faults.sessions import SESSIONS, Ending, build, call, fresh, halves, snapshot
from tests.fuzz.entry import CODES
from tests.trainings import in_child

EVERYWHERE = int(os.environ.get("CRNN_AUDIO_FUZZ", "0")) >= 1000


class Recorded:
    """How each session ends undisturbed, what it leaves, and what it reaches."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.built = folder / "built"
        self.built.mkdir()
        build(self.built)
        self.before = snapshot(self.built)
        self.watches: dict[str, Watch] = {}
        self.endings: dict[str, Ending] = {}
        self.after: dict[str, dict[str, bytes]] = {}
        for name, words in SESSIONS.items():
            self.watches[name] = Watch()
            with fresh(self.built) as place:
                self.endings[name] = call(words, self.watches[name])
                self.after[name] = snapshot(place)

    def chosen(self) -> Iterator[tuple[str, Point]]:
        """Enough points for every place that is reached; or all of them."""
        covered = set[tuple[str, str]]()
        for name, watch in self.watches.items():
            for point in watch.points:
                new = {(point.kind, key) for key in point.chain} - covered
                if point.function != "dup2" and (new or EVERYWHERE):  # which is watched and does not fail
                    covered |= new
                    yield name, point


@pytest.fixture(scope="module")
def recorded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Recorded]:
    """Shapes are not checked meanwhile, which would take most of the time."""
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(jaxtyping.config, "jaxtyping_disable", True)
        yield Recorded(tmp_path_factory.mktemp("faults"))


def test_every_verb_has_a_session_and_none_fails_undisturbed(recorded: Recorded) -> None:
    assert {words[0] for words in SESSIONS.values()} == set(cli.VERBS)
    assert {name: str(one) for name, one in recorded.endings.items() if one.code} == {}


def test_every_place_is_reached_or_listed_with_a_reason(recorded: Recorded) -> None:
    """And whatever is reached is a place: the names of `places.py` are all there are."""
    outside = {one for watch in recorded.watches.values() for one in watch.outside}
    assert outside == set()
    reached = {key for watch in recorded.watches.values() for point in watch.points for key in point.chain}
    found = {place.key for place in places()}
    missing = {key for key in found - reached if not any(key.startswith(one) for one in NOT_REACHED)}
    assert missing == set(), "let a session of tests/faults/sessions.py reach it, or say in reasons.py why none does"
    stale = {one for one in NOT_REACHED if not any(key.startswith(one) for key in found - reached)}
    assert stale == set(), "reached, or not there any more: take it out of reasons.py"


@pytest.mark.slow
def test_a_call_that_fails_is_a_message_and_leaves_nothing_half_done(recorded: Recorded) -> None:
    wrong = [one for name, point in recorded.chosen() for one in _disturbed(recorded, name, point)]
    assert not wrong, "\n\n".join([f"{len(wrong)} faults", *wrong])


@pytest.mark.slow
def test_a_pipe_or_an_endless_file_in_the_place_of_any_file_is_soon_over(recorded: Recorded) -> None:
    wrong, tried = list[str](), set[str]()
    for name, watch in recorded.watches.items():
        for path in watch.read:
            if path in recorded.before and (EVERYWHERE or path not in tried):
                tried.add(path)
                wrong += [one for make in ENDLESS for one in _replaced(recorded, name, path, make)]
    assert len(tried) > 20
    assert not wrong, "\n\n".join([f"{len(wrong)} faults", *wrong])


ENDLESS: tuple[Callable[[str], None], ...] = (os.mkfifo, partial(os.symlink, "/dev/zero"))


def _replaced(recorded: Recorded, name: str, path: str, make: Callable[[str], None]) -> Iterator[str]:
    with fresh(recorded.built):
        os.unlink(path)  # noqa: PTH108 - so is what takes its place
        make(path)
        ended = call(SESSIONS[name], Watch())
    if ended.mishap or ended.code not in CODES or (ended.code and not ended.stderr):
        yield f"{name}: {make} in the place of {path}\n{ended}"


KILLED = ("prepare", "publish", "transcribe into files", "generate MusicXML", "generate texts", "ngram")
"""A training that is killed goes on to the same bits: tests/invariants/test_resume.py."""


@pytest.mark.slow
@pytest.mark.parametrize("name", KILLED)
def test_a_kill_at_any_writing_leaves_no_half_and_the_same_command_does_the_rest(recorded: Recorded, name: str) -> None:
    wrong, covered = list[str](), set[str]()
    for point in recorded.watches[name].points:
        if point.kind == WRITE and point.function in ("mkdir", "replace", "write", "save_file", "open"):
            if EVERYWHERE or set(point.chain) - covered:
                wrong += _killed(recorded, name, point)
            covered |= set(point.chain)
    assert not wrong, "\n\n".join([f"{len(wrong)} faults", *wrong])


def _killed(recorded: Recorded, name: str, point: Point) -> Iterator[str]:
    with fresh(recorded.built) as place:
        code = in_child(lambda: call(SESSIONS[name], Watch(point, fatal=True)))
        left = {file: content for file, content in snapshot(place).items() if ".partial" not in file}
        again = call(SESSIONS[name], Watch())
        missing = set(recorded.after[name]) - set(snapshot(place))
    label = f"{name}, killed at {point}"
    if code != -signal.SIGKILL:
        yield f"{label}: ended with {code}"
    if found := halves(recorded.before, left, recorded.after[name]):
        yield f"{label}: half-written {found}"
    if again.code or again.mishap:
        yield f"{label}: the same command does not go on\n{again}"
    if missing := {file for file in missing if "tfevents" not in file}:
        yield f"{label}: the same command does not make {missing}"


def _disturbed(recorded: Recorded, name: str, point: Point) -> Iterator[str]:
    watch = Watch(point)
    with fresh(recorded.built) as place:
        ended = call(SESSIONS[name], watch)
        left = snapshot(place)
        label = f"{name}: {point}\n{ended}"
        if not watch.failed and point.function != "stderr":  # some messages are of time
            yield f"{label}\nwas not reached a second time"
        if ended.mishap or ended.code not in CODES:
            yield f"{label}\na traceback, or no end"
        if ended.code and not ended.stderr and point.function != "stderr":
            yield f"{label}\nnothing is said"
        if ended.code == 0 and point.kind == READ and _differs(ended, recorded.endings[name]):
            yield f"{label}\nother results, and nothing is said"
        if found := halves(recorded.before, left, recorded.after[name]):
            yield f"{label}\nhalf-written: {found}"
        if (
            point.kind == WRITE
            and point.function != "stdout"
            and ended.code
            and (again := call(SESSIONS[name], Watch())).code
        ):
            yield f"{label}\nthe same command does not go on: {again}"


def _differs(one: Ending, other: Ending) -> bool:
    """Without a word; `show` says in its results what it could not know."""
    return one.stdout != other.stdout and one.stderr == other.stderr and "(assumed: " not in one.stdout
