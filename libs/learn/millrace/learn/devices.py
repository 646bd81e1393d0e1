"""Where a run computes, and in which arithmetic. Imports torch."""

from __future__ import annotations

from contextlib import AbstractContextManager
from typing import Any, Literal

import torch

from millrace.learn.errors import DeviceMissing

Asked = Literal["cpu", "gpu", "gpu-if-there"]
Precision = Literal["float32", "bfloat16"]


def device_for(asked: Asked) -> torch.device:
    """Raises DeviceMissing."""
    if asked == "cpu":
        return torch.device("cpu")
    if torch.cuda.is_available():
        return torch.device("cuda")
    if asked == "gpu":
        why = "sees none on this machine" if torch.version.cuda else "was built without CUDA"
        raise DeviceMissing(f"torch {torch.__version__} {why}")
    return torch.device("cpu")


def name_of(device: torch.device) -> str:
    return torch.cuda.get_device_name(device) if device.type == "cuda" else device.type


def arithmetic(device: torch.device, precision: Precision) -> AbstractContextManager[Any]:
    """Weights, gradients and moments stay in float32; with bfloat16 the products of a forward are computed in it."""
    return torch.autocast(device.type, dtype=torch.bfloat16, enabled=precision == "bfloat16")
