"""What the machine at hand computes on, and in which number format."""

from typing import Literal

import torch

Precision = Literal["fp32", "bf16", "fp16"]
PRECISIONS: dict[Precision, torch.dtype] = {"fp32": torch.float32, "bf16": torch.bfloat16, "fp16": torch.float16}


def best_device() -> torch.device:
    """The first CUDA device where there is one, else the CPU."""
    return torch.device("cuda" if torch.cuda.is_available() else "cpu")


def fastest_precision(device: torch.device) -> Precision:
    """The fastest number format for large matrix products on `device`.

    On a CPU that is bf16 only where the instructions exist (AMX, AVX512-bf16): emulated, it is slower than fp32.
    """
    if device.type == "cuda":
        return "bf16" if torch.cuda.is_bf16_supported(including_emulation=False) else "fp16"
    if device.type == "cpu" and (torch.cpu._is_amx_tile_supported() or torch.cpu._is_avx512_bf16_supported()):
        return "bf16"
    return "fp32"


def autocast(device: torch.device, precision: Precision) -> torch.autocast:
    """A context in which matrix products run in `precision`."""
    return torch.autocast(device.type, dtype=PRECISIONS[precision], enabled=precision != "fp32")
