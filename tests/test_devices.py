"""Devices: what is chosen works, and what is not there is refused with what is."""

from concurrent.futures import ThreadPoolExecutor

import pytest
import torch

from siamese.devices import choose_device, describe_device, has_fast_bfloat16, use_one_thread


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
