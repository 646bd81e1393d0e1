"""What a method of tabular is given and what it gives back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Protocol

from millrace.learn.scores import Floats
from millrace.learn.settings import Progress
from millrace.learn.tabular.columns import Columns
from millrace.learn.tabular.model import Predictor
from millrace.learn.tasks.tabular import Request


@dataclass(frozen=True)
class Learned:
    """Training rows: ``targets`` are numbers, or the places of labels, of which there are ``outputs``; 0 of numbers."""

    matrix: Floats
    targets: Floats
    weights: Floats
    columns: Columns
    outputs: int


@dataclass(frozen=True)
class Fitted:
    predictor: Predictor
    steps: int
    planned_steps: int
    stopped: str
    seconds: float
    settings: dict[str, float | int | str | None]
    temperature: float | None = None
    """Without one it is found by the held-out rows."""


class Method(Protocol):
    def fit_columns(self, request: Request, data: Learned, progress: Progress) -> Fitted: ...
