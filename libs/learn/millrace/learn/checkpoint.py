"""Where a killed fine-tuning goes on from: safetensors and JSON, replaced as a whole. Imports torch."""

from __future__ import annotations

import hashlib
import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn

from millrace.learn.folder import file_digest, weights_digest
from millrace.learn.requests import TrainRequest


@dataclass(frozen=True)
class State:
    """What is learned and the optimizer's moments of it; a weight that stands still is the base's, and is not kept."""

    step: int
    planned: int | None
    seconds: float
    tensors: dict[str, Tensor]

    @classmethod
    def of(
        cls, model: nn.Module, optimizer: torch.optim.Optimizer, step: int, planned: int | None, seconds: float
    ) -> State:
        tensors = {}
        for name, parameter in learned(model).items():
            tensors[f"model.{name}"] = parameter.detach()
            for moment, value in optimizer.state[parameter].items():
                tensors[f"optimizer.{moment}.{name}"] = value
        return cls(step, planned, seconds, tensors)

    def restore(self, model: nn.Module, optimizer: torch.optim.Optimizer) -> None:
        with torch.no_grad():
            for name, parameter in learned(model).items():
                parameter.copy_(self.tensors[f"model.{name}"])
                moments = ("step", "exp_avg", "exp_avg_sq")
                kept = {moment: self.tensors[f"optimizer.{moment}.{name}"] for moment in moments}
                optimizer.state[parameter] = {moment: value.to(parameter.device) for moment, value in kept.items()}


def learned(model: nn.Module) -> dict[str, nn.Parameter]:
    return {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}


class Checkpoint:
    """One state in a folder, for one request over one set of rows; anything else there is ignored and written over."""

    def __init__(self, folder: Path, request: str) -> None:
        self._folder, self._request = folder, request

    @classmethod
    def of(cls, request: TrainRequest) -> Checkpoint | None:
        if request.checkpoint is None:
            return None
        # A second attempt may have other paths and cores; the bytes of the rows are what counts.
        shaping = request.model_dump(
            mode="json", exclude={"rows", "out", "start", "checkpoint", "checkpoint_seconds", "judge", "threads"}
        )
        shaping["rows"] = file_digest(request.rows)
        shaping["start"] = weights_digest(request.start) if request.start else None
        return cls(request.checkpoint, hashlib.sha256(json.dumps(shaping, sort_keys=True).encode()).hexdigest())

    def save(self, state: State) -> None:
        self._folder.mkdir(parents=True, exist_ok=True)
        name = f"step-{state.step:08d}.safetensors"
        save_file({key: value.contiguous() for key, value in state.tensors.items()}, self._folder / name)
        about = {
            "request": self._request,
            "file": name,
            "step": state.step,
            "planned": state.planned,
            "seconds": state.seconds,
        }
        written = self._folder / "state.json.part"
        written.write_text(json.dumps(about), encoding="utf-8")
        written.replace(self._folder / "state.json")
        for old in self._folder.glob("step-*.safetensors"):
            if old.name != name:
                old.unlink()

    def load(self) -> State | None:
        """None when there is none, it is another request's, or it can't be read: the run then starts anew."""
        try:
            about: dict[str, Any] = json.loads((self._folder / "state.json").read_bytes())
            if about["request"] != self._request:
                return None
            tensors = load_file(self._folder / about["file"])
            return State(about["step"], about["planned"], about["seconds"], tensors)
        except (OSError, ValueError, KeyError, SafetensorError):
            return None
