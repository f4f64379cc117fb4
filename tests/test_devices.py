import os
from pathlib import Path
from typing import Any

import pytest
import torch

from nlparch.devices import best_device, fetch_later, local_rank, return_freed_memory, send
from nlparch.errors import UserError


def test_each_process_of_torchrun_has_a_device_of_its_own(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(torch.cuda, "is_available", lambda: True)
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 4)
    current: list[int] = []
    monkeypatch.setattr(torch.cuda, "set_device", current.append)
    monkeypatch.delenv("LOCAL_RANK", raising=False)
    monkeypatch.delenv("LOCAL_WORLD_SIZE", raising=False)
    assert local_rank() == (0, 1) and best_device() == torch.device("cuda")
    monkeypatch.setenv("LOCAL_RANK", "3")
    monkeypatch.setenv("LOCAL_WORLD_SIZE", "4")
    assert local_rank() == (3, 4) and best_device() == torch.device("cuda", 3)
    assert current == [3]
    monkeypatch.setattr(torch.cuda, "device_count", lambda: 2)
    with pytest.raises(UserError, match="started 4 processes here.* they see 2: --nproc_per_node 2, or --no_cuda"):
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


def test_a_copy_is_waited_for_on_its_own_device(monkeypatch: pytest.MonkeyPatch) -> None:
    """With several GPUs the current stream may be another's, which has nothing to wait for."""
    done: list[str] = []

    class Event:
        def record(self, stream: str) -> None:
            done.append(f"record on {stream}")

        def synchronize(self) -> None:
            done.append("synchronize")

    class Values:
        device = torch.device("cuda", 1)

        def to(self, place: str, *, non_blocking: bool) -> str:
            assert non_blocking
            return f"on {place}"

    monkeypatch.setattr(torch.cuda, "Event", Event)
    monkeypatch.setattr(torch.cuda, "current_stream", lambda device: f"the stream of {device}")
    values: Any = Values()
    fetch = fetch_later(values)
    assert done == ["record on the stream of cuda:1"]
    assert str(fetch()) == "on cpu" and done[1:] == ["synchronize"]
    assert fetch_later(torch.ones(2))().tolist() == [1, 1]


def test_batches_are_sent_from_memory_that_a_gpu_can_read(monkeypatch: pytest.MonkeyPatch) -> None:
    sent: list[Any] = []
    monkeypatch.setattr(torch.Tensor, "pin_memory", lambda value: value + 1)
    monkeypatch.setattr(torch.Tensor, "to", lambda value, *args, **how: sent.append((args, how)) or value)
    assert send({"ids": torch.ones(1)}, torch.device("cpu"))["ids"].tolist() == [1]
    assert send({"ids": torch.ones(1)}, torch.device("cuda"))["ids"].tolist() == [2]
    assert sent == [((torch.device("cpu"),), {}), ((torch.device("cuda"),), {"non_blocking": True})]
