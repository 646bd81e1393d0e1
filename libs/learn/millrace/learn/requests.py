"""What the two commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Literal, TypeVar

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from millrace.learn.errors import WrongRequest
from millrace.learn.folder import POSITIONS
from millrace.workspace.expected import faults


class _Request(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class TrainRequest(_Request):
    task: str
    method: str
    rows: Path
    out: Path
    base: str = "minilm"
    labels: list[str] | None = None
    dataset: str | None = None
    seed: int = Field(0, ge=0)
    threads: int = Field(1, ge=1, le=256)
    budget_seconds: float | None = Field(None, gt=0)
    max_length: int = Field(128, ge=8, le=POSITIONS)
    pad_to: int | None = Field(None, ge=8, le=POSITIONS)
    start: Path | None = None
    checkpoint: Path | None = None
    checkpoint_seconds: float = Field(20.0, gt=0)
    judge: bool = False
    steps: int | None = Field(None, ge=0)
    planned_steps: int | None = Field(None, ge=0)
    device: Literal["cpu", "gpu", "gpu-if-there"] = "cpu"
    precision: Literal["float32", "bfloat16"] = "float32"
    accumulate: int = Field(1, ge=1, le=1024)
    settings: dict[str, Any] = Field(default_factory=dict)


class Parameters(_Request):
    """What a deployment may declare over version.json: see ``Deployment.parameters``."""

    max_length: int | None = Field(None, ge=8, le=POSITIONS)
    pad_to: int | None = Field(None, ge=8, le=POSITIONS)


class ScoredModel(_Request):
    name: str = Field(pattern=r"^[\w.-]+$")
    path: Path
    parameters: Parameters = Parameters()


class Suite(_Request):
    name: str = Field(pattern=r"^[\w.-]+$")
    rows: Path
    perturb: Literal["typos"] | None = None
    alone: bool = False


class ScoreRequest(_Request):
    models: list[ScoredModel] = Field(min_length=1)
    suites: list[Suite] = Field(default_factory=list)
    out: Path
    format: Literal["parquet", "jsonl"] = "parquet"
    seed: int = Field(0, ge=0)
    threads: int = Field(1, ge=1, le=256)
    batch: int = Field(32, ge=1, le=1024)
    memory: Path | None = None


R = TypeVar("R", bound=BaseModel)


def parsed(kind: type[R], raw: object, what: str = "request") -> R:
    """Raises WrongRequest that names each wrong key."""
    try:
        return kind.model_validate(raw)
    except ValidationError as error:
        raise WrongRequest(f"{what}: {faults(error)}") from None
