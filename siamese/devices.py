"""Which device computes, and what it does fast."""

import errno
import platform
import sys
from typing import TYPE_CHECKING

if TYPE_CHECKING:  # each function imports it: what does without need neither wait for it nor have it
    import torch

# What torch and what it calls say, in lower case: the processor's allocator on Linux and on Windows, CUDA and MPS, mmap, MPS
# again, cuBLAS and cuDNN, C++.
NO_MEMORY = (
    "out of memory", "can't allocate memory", "cannot allocate memory", "not enough memory", "invalid buffer size",
    "status_alloc_failed", "bad_alloc",
)  # fmt: skip


def choose_device(name: str = "auto") -> "torch.device":
    """The device called `name` ("auto": a GPU where there is one). Raises ValueError where this machine has none such."""
    import torch

    available = {"cpu": True, "cuda": torch.cuda.is_available(), "mps": torch.backends.mps.is_available()}
    if name == "auto":
        name = next(candidate for candidate in ("cuda", "mps", "cpu") if available[candidate])
    try:
        device = torch.device(name)
        is_there = available[device.type] and (device.index or 0) < max(1, torch.cuda.device_count())
    except (RuntimeError, KeyError):  # no device of torch, or of none of these kinds
        is_there = False
    if not is_there:
        usable = ", ".join(candidate for candidate, there in available.items() if there)
        raise ValueError(f"device {name!r} is not available on this machine, available: auto, {usable}")
    return device


def use_one_thread() -> None:
    """Compute with one thread from now on, whoever asks.

    Two small images are encoded sooner by one thread than by several that wait for each other, and far sooner where others
    want the processor, too; a server has other requests for the rest of it.
    """
    import torch

    torch.set_num_threads(1)


def has_fast_bfloat16(device: "torch.device") -> bool:
    """Whether autocast to bfloat16 pays there.

    On a CPU it does with AMX, and with AVX512-BF16 on an AMD: the compact encoder trains 1.8 times as fast on an EPYC. An
    Intel Xeon with AVX512-BF16 and without AMX convolves at half float32's speed.
    """
    import torch

    if device.type == "cuda":
        return torch.cuda.is_bf16_supported(including_emulation=False)
    if device.type == "cpu":
        can = getattr(torch.cpu, "get_capabilities", dict)()  # older torch lacks it: float32 then
        return can.get("amx_bf16", False) or (can.get("avx512_bf16", False) and can.get("cpu_name", "").startswith("AMD"))
    return False


def is_out_of_memory(error: BaseException) -> bool:
    """Whether `error` says that there is not enough memory, of the machine or of a GPU.

    Only CUDA has a type for it. Of the processor, of MPS and of the libraries beneath, torch says so in a RuntimeError.
    """
    of_torch = getattr(sys.modules.get("torch"), "OutOfMemoryError", ())  # which raises none before it is there
    if isinstance(error, (MemoryError, of_torch)) or getattr(error, "errno", None) == errno.ENOMEM:
        return True
    return isinstance(error, RuntimeError) and any(words in str(error).lower() for words in NO_MEMORY)


def describe_device(device: "torch.device") -> str:
    """The device in words, for records: the GPU's name, or the processor with the number of threads."""
    import torch

    if device.type == "cuda":
        return torch.cuda.get_device_name(device)
    threads = torch.get_num_threads()
    return f"{platform.machine()} {device.type.upper()}, {threads} thread{'s' if threads > 1 else ''}"
