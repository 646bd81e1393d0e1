"""How slow production usually is."""

from dataclasses import asdict, dataclass, field
from statistics import median
from typing import Any, Self

WINDOW = 100
_WINDOWS = 15


@dataclass
class Slowness:
    """Production's usual 99th percentile of latency, in ms, over answers outside of rollouts.

    The median of the percentile over the last 15 windows of 100 answers each: a window that a training run or a
    neighbour slowed down doesn't move it. In a window it is the second largest, so two numbers are all that is kept.
    """

    n: int = 0
    largest: float = 0.0
    second: float = 0.0
    windows: list[float] = field(default_factory=list)

    def observe(self, latency_ms: float) -> None:
        self.largest, self.second = max(self.largest, latency_ms), max(self.second, min(self.largest, latency_ms))
        self.n += 1
        if self.n == WINDOW:
            self.windows = [*self.windows, self.second][-_WINDOWS:]
            self.n, self.largest, self.second = 0, 0.0, 0.0

    @property
    def p99(self) -> float | None:
        """None before the first window is full."""
        return median(self.windows) if self.windows else None

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        return cls(**state)
