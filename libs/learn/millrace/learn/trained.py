"""What a run made."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any


@dataclass(frozen=True)
class Trained:
    """What a run made; the fields are those of the result line in README.md."""

    path: str
    digest: str
    weights_digest: str
    labels: list[str]
    without_rows: list[str]
    scores: dict[str, float]
    seconds: float
    fit_seconds: float
    steps: int
    planned_steps: int
    stopped: str
    resumed_from: int | None
    ms_per_text: float
    weights: int
    bytes: int
    ignored_rows: int

    def record(self) -> dict[str, Any]:
        return asdict(self)
