"""Devices: what is chosen works, and what is not there is refused with what is."""

import mmap
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
import torch

from siamese.devices import choose_device, describe_device, has_fast_bfloat16, is_out_of_memory, use_one_thread


def test_auto_takes_a_device_that_computes():
    device = choose_device("auto")
    assert (torch.ones(3, device=device) * 2).sum().item() == 6
    has_gpu = torch.cuda.is_available() or torch.backends.mps.is_available()
    assert (device.type == "cpu") == (not has_gpu)


def test_the_processor_is_always_there():
    assert choose_device("cpu") == torch.device("cpu")
    assert "CPU" in describe_device(choose_device("cpu"))


@pytest.mark.parametrize("name", ["", "abacus", "meta", "CPU", "cpu:first", "cuda:999"])
def test_a_device_that_is_not_there_is_refused_with_those_that_are(name):
    with pytest.raises(ValueError, match=f"device '{name}' is not available on this machine, available: auto, cpu"):
        choose_device(name)


def test_half_precision_is_used_only_where_it_computes():
    device = choose_device("auto")
    assert not has_fast_bfloat16(torch.device("meta"))
    if has_fast_bfloat16(device):
        with torch.autocast(device.type, torch.bfloat16):
            product = torch.eye(3, device=device) @ torch.eye(3, device=device)
        assert product.dtype == torch.bfloat16
        assert torch.equal(product.float().cpu(), torch.eye(3))


@pytest.mark.parametrize(
    ("capabilities", "is_fast"),
    [
        ({"cpu_name": "AMD EPYC", "avx512_bf16": True}, True),
        ({"cpu_name": "AMD EPYC", "avx512_bf16": False}, False),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": False}, False),
        ({"cpu_name": "Intel Xeon", "avx512_bf16": True, "amx_bf16": True}, True),
        ({}, False),  # ARM has other names
    ],
)
def test_half_precision_is_used_on_processors_that_were_seen_to_be_fast_at_it(capabilities, is_fast, monkeypatch):
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: capabilities, raising=False)
    assert has_fast_bfloat16(torch.device("cpu")) is is_fast


def test_one_thread_computes_whichever_thread_of_a_server_asks():
    before = torch.get_num_threads()
    try:
        torch.set_num_threads(2)
        use_one_thread()
        with ThreadPoolExecutor(1) as pool:
            assert pool.submit(torch.get_num_threads).result() == 1
    finally:
        torch.set_num_threads(before)


# ---- Not enough memory ----


TOO_MUCH: dict[str, Callable[[], object]] = {
    "torch": lambda: torch.empty(1 << 50),
    "numpy": lambda: np.empty(1 << 55, np.uint8),
    "python": lambda: bytes(1 << 55),
    "mmap": lambda: mmap.mmap(-1, 1 << 55),
}


@pytest.mark.parametrize("ask", TOO_MUCH.values(), ids=TOO_MUCH)
def test_too_little_memory_is_known_whoever_finds_out(ask):
    with pytest.raises((RuntimeError, MemoryError, OSError)) as caught:
        ask()
    assert is_out_of_memory(caught.value)


@pytest.mark.parametrize(
    "error",
    [
        torch.OutOfMemoryError("CUDA out of memory. Tried to allocate 20.00 GiB. GPU 0 has a total capacity of 79.19 GiB"),
        RuntimeError("CUDA error: out of memory"),
        RuntimeError("cuDNN error: CUDNN_STATUS_ALLOC_FAILED"),
        RuntimeError("CUDA error: CUBLAS_STATUS_ALLOC_FAILED when calling `cublasCreate(handle)`"),
        RuntimeError(
            "MPS backend out of memory (MPS allocated: 17.88 GB, other allocations: 1.2 MB, max allowed: 18.13 GB)"
        ),
        RuntimeError("Invalid buffer size: 9.54 GB"),
        RuntimeError(
            "[enforce fail at alloc_cpu.cpp:117] data. DefaultCPUAllocator: not enough memory: you tried to allocate"
        ),
        RuntimeError("unable to mmap 4096 bytes from file <model.safetensors>: Cannot allocate memory (12)"),
    ],
)
def test_so_it_is_in_the_words_of_other_machines(error):
    assert is_out_of_memory(error)


@pytest.mark.parametrize(
    "error",
    [RuntimeError("mat1 and mat2 shapes cannot be multiplied"), OSError(28, "No space left"), ValueError("out of memory")],
)
def test_other_errors_are_none_of_memory(error):
    assert not is_out_of_memory(error)
