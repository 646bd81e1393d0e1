"""Low-rank adapters (Hu et al. 2021, "LoRA") as a version keeps them. Imports torch, but not peft: serving has no need.

Names are those of the peft library: ``<module>.lora_A.weight`` and ``<module>.lora_B.weight``.
"""

from __future__ import annotations

from copy import deepcopy
from dataclasses import dataclass
from typing import TypeVar

import torch
from torch import Tensor, nn

from millrace.learn.errors import DamagedModel
from millrace.learn.folder import Adapter

E = TypeVar("E", bound=nn.Module)


@dataclass(frozen=True)
class Adapted:
    """What is added to a base, apart from it."""

    shape: Adapter
    tensors: dict[str, Tensor]

    def merged(self, encoder: E) -> E:
        """A copy of the base's encoder with this added to its weights. Raises DamagedModel where it does not fit."""
        merged = deepcopy(encoder)
        modules = dict(merged.named_modules())
        scale = self.shape.alpha / self.shape.rank
        names = sorted(name.removesuffix(".lora_A.weight") for name in self.tensors if name.endswith(".lora_A.weight"))
        if not names or len(self.tensors) != 2 * len(names):
            raise DamagedModel("adapter", "its tensors are no pairs of lora_A and lora_B")
        with torch.no_grad():
            for name in names:
                weight = getattr(modules.get(name), "weight", None)
                low, high = self.tensors[f"{name}.lora_A.weight"], self.tensors.get(f"{name}.lora_B.weight")
                if weight is None or high is None or (high.shape[0], low.shape[1]) != tuple(weight.shape):
                    raise DamagedModel("adapter", f"the base has nothing of the shape of {name}")
                weight += scale * (high @ low)
        return merged
