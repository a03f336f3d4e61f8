"""Processes that train together, forked from the test as torchrun would start them."""

import os
import sys
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from torch.distributed import TCPStore

from crnn_audio import cli


@dataclass(frozen=True)
class Ended:
    """Exit codes in the order of the ranks, minus a signal; what each wrote to standard output and error."""

    codes: list[int]
    said: list[str]


def together(count: int, work: Callable[[int], object], folder: Path, seconds: float = 60.0) -> Ended:
    """Runs `work(rank)` in `count` forked processes.

    Args:
        folder: where what they write is kept for a while.
        seconds: after these a process that has not ended is killed, and the test fails.
    """
    store = TCPStore("127.0.0.1", 0, is_master=True, wait_for_workers=False)  # torchrun's outlives every rank too
    children = [_started(rank, count, store.port, work, folder / f"said-{rank}.txt") for rank in range(count)]
    until, codes = time.monotonic() + seconds, dict.fromkeys(children)
    while None in codes.values():
        assert time.monotonic() < until or not [os.kill(one, 9) for one, code in codes.items() if code is None]
        for child in [one for one, code in codes.items() if code is None]:
            ended, status = os.waitpid(child, os.WNOHANG)
            codes[child] = os.waitstatus_to_exitcode(status) if ended else None
        time.sleep(0.01)
    return Ended([*codes.values()], [(folder / f"said-{rank}.txt").read_text() for rank in range(count)])


def _started(rank: int, count: int, port: int, work: Callable[[int], object], said: Path) -> int:
    child = os.fork()
    if child:
        return child
    numbers = {"RANK": rank, "WORLD_SIZE": count, "LOCAL_RANK": rank, "LOCAL_WORLD_SIZE": count, "MASTER_PORT": port}
    os.environ.update({name: str(number) for name, number in numbers.items()})
    names = {"MASTER_ADDR": "127.0.0.1", "TORCHELASTIC_RUN_ID": "none", "TORCHELASTIC_USE_AGENT_STORE": "True"}
    os.environ.update(names)
    descriptor = os.open(said, os.O_CREAT | os.O_WRONLY | os.O_TRUNC)
    os.dup2(descriptor, 1)
    os.dup2(descriptor, 2)
    sys.stdout, sys.stderr = os.fdopen(1, "w", buffering=1), os.fdopen(2, "w", buffering=1)
    try:
        work(rank)
        code = 0
    except SystemExit as ended:
        code = int(str(ended.code or 0))
    except BaseException:
        traceback.print_exc()
        code = 1
    os._exit(code)


def program(*words: str) -> None:
    """`crnn-audio` in this process."""
    sys.argv = ["crnn-audio", *words]
    cli.main()
