"""What the machine at hand computes on, and in which number format."""

import ctypes
import os
from collections.abc import Callable
from typing import Literal

import torch
from torch import Tensor

from nlparch.errors import UserError

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def local_rank() -> tuple[int, int]:
    """The number of this process among those that torchrun started on this machine, and how many they are."""
    return int(os.environ.get("LOCAL_RANK", "0")), int(os.environ.get("LOCAL_WORLD_SIZE", "1"))


def best_device() -> torch.device:
    """A CUDA device where there is one, else the CPU; of several processes each has its own, torch's current one.

    Raises:
        UserError: If there are more processes than CUDA devices.
    """
    if not torch.cuda.is_available():
        return torch.device("cpu")
    rank, n_processes = local_rank()
    if n_processes == 1:
        return torch.device("cuda")
    n_devices = torch.cuda.device_count()
    if n_processes > n_devices:
        raise UserError(
            f"torchrun started {n_processes} processes here, each needs a GPU of its own, and they see {n_devices}: "
            f"--nproc_per_node {n_devices}, or --no_cuda"
        )
    torch.cuda.set_device(rank)
    return torch.device("cuda", rank)


def fastest_precision(device: torch.device) -> Precision:
    """The fastest number format for large matrix products on `device`.

    On a CPU that is bf16 only where the instructions exist (AMX, AVX512-bf16): emulated, it is slower than fp32.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()):
        return "bf16"
    return "fp32"


def return_freed_memory() -> None:
    """Gives what was freed back to the system, where the C library can: batches of ever other sizes leave gaps that
    glibc keeps, a gigabyte in a long pass.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None) if os.name == "posix" else None
    if trim is not None:
        trim(0)


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which matrix products run in `precision`."""
    return torch.autocast(device.type, dtype=PRECISIONS[precision], enabled=precision != "fp32")


def send(batch: dict[str, Tensor], device: torch.device) -> dict[str, Tensor]:
    """Tensors on `device`; the CPU does not wait until a GPU comes to copy them."""
    if device.type != "cuda":
        return {name: value.to(device) for name, value in batch.items()}
    pinned = {name: value if value.is_cuda else value.pin_memory() for name, value in batch.items()}
    return {name: value.to(device, non_blocking=True) for name, value in pinned.items()}


def fetch_later(values: Tensor) -> Callable[[], Tensor]:
    """Begins to copy values to the CPU as soon as they are made; the call that it returns waits for the copy alone.

    A plain copy would also wait for all that a GPU was given to do in the meantime.
    """
    if values.device.type != "cuda":
        return values.cpu
    copy = values.to("cpu", non_blocking=True)
    copied = torch.cuda.Event()
    copied.record(torch.cuda.current_stream(values.device))

    def fetch() -> Tensor:
        copied.synchronize()
        return copy

    return fetch
