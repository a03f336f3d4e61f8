"""What this machine computes with: its processor, and whether that has units for bfloat16."""

import platform
import re
from pathlib import Path

import torch


def precision(device: torch.device, asked: str) -> tuple[str, str | None]:
    """What to compute in, "float32" or "bf16", and why it is not what was asked for.

    Without units for it bfloat16 is emulated, which trains 14 to 25 times more slowly than float32.
    """
    lack = _lack_of_bf16(device) if asked == "bf16" else None
    return ("float32", f"precision: {lack}; float32 takes the place of bf16.") if lack else (asked, None)


def processor() -> str:
    """The CPU's name in short, such as "AMD EPYC 7763"; its architecture where the system tells no name."""
    try:
        found = re.search(r"^model name\s*:(.*)$", Path("/proc/cpuinfo").read_text(), re.MULTILINE)
    except OSError:
        found = None
    name = found[1] if found else platform.processor() or platform.machine()
    return " ".join(re.sub(r"\((R|TM)\)|@.*|\d+-Core|\b(CPU|Processor)\b", " ", name, flags=re.IGNORECASE).split())


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
