"""What this machine computes with: device and threads, its processor, and whether that has units for bfloat16."""

import os
import platform
import re
from dataclasses import dataclass
from pathlib import Path

import torch

from crnn_audio.errors import RecipeError


@dataclass(frozen=True)
class Hardware:
    """What a process computes with; `lack` says why `precision` is not what was asked for."""

    device: torch.device
    precision: str
    lack: str | None
    threads: int


def choose(
    name: str, asked: str, num_threads: int, *, local_rank: int = 0, local_count: int = 1, count: int = 1
) -> Hardware:
    """The device, the precision and the CPU threads of one of `count` processes that train together.

    Args:
        name, asked, num_threads: what a recipe asks for: "auto", "cpu" or "cuda"; "float32" or "bf16"; 0 or a number.
        local_rank, local_count: which of how many processes on this machine it is.

    Raises:
        RecipeError: there is no such device, or there are fewer than processes.
    """
    chosen = device(name)
    if chosen.type == "cuda" and count > 1:
        if ":" in name:
            raise RecipeError(f"device: {name!r} is one GPU for {count} processes. Write device=cuda.")
        if local_count > torch.cuda.device_count():
            raise RecipeError(
                f"device: {local_count} processes on this machine and {torch.cuda.device_count()} GPUs. Start a "
                "process a GPU, or use device=cpu."
            )
        chosen = torch.device("cuda", local_rank)
        torch.cuda.set_device(chosen)
    return Hardware(chosen, *precision(chosen, asked), threads(num_threads, local_count))


def device(name: str) -> torch.device:
    """The device that a recipe asks for.

    Raises:
        RecipeError: it asks for a GPU and there is none.
    """
    if name == "auto":
        return torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if name.partition(":")[0] not in ("cpu", "cuda"):
        raise RecipeError(f"device: input should be 'auto', 'cpu' or 'cuda' (found {name!r}).")
    if name.startswith("cuda") and not torch.cuda.is_available():
        raise RecipeError(f"device: {name!r} is asked for, but PyTorch sees no GPU. Use device=cpu or device=auto.")
    return torch.device(name)


def threads(asked: int, processes: int = 1) -> int:
    """CPU threads to compute with: as asked, or the cores this process may use, four at most.

    Of several `processes` on a machine none takes more than its share of the cores, whatever is asked.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    share = max(cores // processes, 1)
    return (asked if processes == 1 else min(asked, share)) or min(share, 4)


def precision(device: torch.device, asked: str) -> tuple[str, str | None]:
    """What to compute in, "float32" or "bf16", and why it is not what was asked for.

    Without units for it bfloat16 is emulated, which trains 14 to 25 times more slowly than float32.
    """
    lack = _lack_of_bf16(device) if asked == "bf16" else None
    return ("float32", f"precision: {lack}; float32 takes the place of bf16.") if lack else (asked, None)


def processor() -> str:
    """The CPU's name in short, such as "AMD EPYC 7763"; its architecture where the system tells no name.

    A name without a number, as virtual machines have, is followed by both of the vendor's numbers: "Intel Xeon (family
    6, model 207)".
    """
    try:
        about = Path("/proc/cpuinfo").read_text()
        fields = dict(re.findall(r"^(model name|cpu family|model)[ \t]*:[ \t]*(.*)$", about, re.MULTILINE))
    except OSError:
        fields = {}
    name = fields.get("model name") or platform.processor() or platform.machine()
    short = " ".join(re.sub(r"\((R|TM)\)|@.*|\d+-Core|\b(CPU|Processor)\b", " ", name, flags=re.IGNORECASE).split())
    if any(letter.isdigit() for letter in short) or not {"cpu family", "model"} <= fields.keys():
        return short
    return f"{short} (family {fields['cpu family']}, model {fields['model']})"


def _lack_of_bf16(device: torch.device) -> str | None:
    if device.type == "cuda":
        with torch.cuda.device(device):
            has_units = torch.cuda.is_bf16_supported(including_emulation=False)
        return None if has_units else f"{torch.cuda.get_device_name(device)} has no units for bfloat16"
    if not _cpu_has_bf16():
        return f"this CPU ({processor()}) has no units for bfloat16"
    try:
        _try_lstm()
    except RuntimeError as error:
        return f"on this CPU ({processor()}) an LSTM fails in bfloat16 ({str(error).splitlines()[0]})"
    return None


def _cpu_has_bf16() -> bool:
    usable = _probe(torch.ops.mkldnn, "_is_mkldnn_bf16_supported")
    if platform.machine() not in ("x86_64", "AMD64"):
        return usable
    # There oneDNN supports it wherever AVX-512 can emulate it.
    units = ("_is_avx512_bf16_supported", "_is_amx_tile_supported")
    return usable and any(_probe(torch.cpu, name) for name in units)


def _probe(module: object, name: str) -> bool:
    """False where this build of PyTorch has no such probe: they are none of its public interface."""
    try:
        return bool(getattr(module, name)())
    except (AttributeError, RuntimeError):
        return False


def _try_lstm() -> None:
    """A step as cells take it: oneDNN may say "could not create a primitive descriptor" all the same."""
    with torch.random.fork_rng(devices=[]), torch.autocast("cpu", torch.bfloat16):
        layer = torch.nn.LSTM(8, 8, batch_first=True, dtype=torch.float32)
        output, _ = layer(torch.zeros(1, 2, 8))
        output.float().sum().backward()
