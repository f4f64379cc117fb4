import os
from pathlib import Path

import pytest
import torch

from nlparch.devices import best_device, local_rank, return_freed_memory
from nlparch.errors import UserError


def test_each_process_of_torchrun_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert local_rank() == (0, 1) and best_device() == torch.device("cuda")
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert local_rank() == (3, 4) and best_device() == torch.device("cuda", 3)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match="started 4 processes here.* --nproc_per_node 2, or --no_cuda"):
        best_device()
    monkeypatch.setattr(torch.cuda, "is_available", lambda: False)
    assert best_device() == torch.device("cpu")


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="resident memory is read from /proc")
def test_freed_memory_is_given_back() -> None:
    blocks = [torch.ones(1024) for _ in range(20_000)]
    del blocks[:-1]  # the last one keeps the C library from giving back what lies below it
    held = _resident_bytes()
    return_freed_memory()
    assert _resident_bytes() < held - 40_000_000


def _resident_bytes() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")
