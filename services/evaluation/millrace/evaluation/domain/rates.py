"""Is the canary's rate of harm above what is allowed? Asked after every answer, soundly."""

from dataclasses import asdict, dataclass
from math import inf, log
from typing import Any, Self

_PRIOR = 0.18
_MOST_PENDING = 64
_TINY = 1e-12


@dataclass
class Waiting:
    """Outcomes of one arm that wait for a block, oldest first, as text of 0 and 1; the oldest fall out beyond 64."""

    outcomes: str = ""
    n: int = 0
    events: int = 0

    def add(self, outcome: bool) -> None:
        self.outcomes = (self.outcomes + "01"[outcome])[-_MOST_PENDING:]

    def take(self, size: int) -> int:
        taken, self.outcomes = self.outcomes[:size], self.outcomes[size:]
        return taken.count("1")

    def counted(self, size: int, events: int) -> None:
        self.n += size
        self.events += events

    @property
    def estimate(self) -> float:
        return (self.events + _PRIOR) / (self.n + 2 * _PRIOR)


@dataclass
class RateTest:
    """A sequential two-sample test of canary <= factor * production + offset for rates of 0/1 outcomes.

    The e-values of Turner, Ly and Grünwald (2024, "Generic E-variables for exact sequential k-sample tests that allow
    for optional stopping") for blocks of `size` answers of production and one of the canary; the null's rates nearest
    to the estimates by Kullback and Leibler divide, as in Turner and Grünwald (2022, "Exact anytime-valid confidence
    intervals for contingency tables and beyond"). Blocks need no known allocation, are filled in order of arrival, so
    both arms are concurrent, and may change size between blocks. Under the null the product of e-values ever reaches
    1/alpha with chance at most alpha.
    """

    factor: float
    offset: float
    production: Waiting
    canary: Waiting
    size: int = 1
    evidence: float = 0.0
    highest: float = 0.0

    @classmethod
    def of(cls, factor: float, offset: float) -> Self:
        return cls(factor, offset, Waiting(), Waiting())

    def share(self, canary: float) -> None:
        """Blocks in the proportion of a canary that gets `canary` of the traffic."""
        self.size = min(20, max(1, round((1 - canary) / canary)))

    def observe(self, canary: bool, outcome: bool) -> None:
        (self.canary if canary else self.production).add(outcome)
        while len(self.production.outcomes) >= self.size and self.canary.outcomes:
            self._block(self.production.take(self.size), self.canary.take(1))

    def proven(self, alpha: float) -> bool:
        return self.highest >= log(1 / alpha)

    def __str__(self) -> str:
        arms = ((self.canary, "canary"), (self.production, "production"))
        return ", ".join(f"{name} {arm.events / max(arm.n, 1):.1%} of {arm.n}" for arm, name in arms)

    def _block(self, production: int, canary: int) -> None:
        a, b = self.production.estimate, self.canary.estimate
        if b > self.factor * a + self.offset:
            null_a, null_b = nearest_null(a, b, self.size, self.factor, self.offset)
            self.evidence += production * _log_ratio(a, null_a) + (self.size - production) * _log_ratio(
                1 - a, 1 - null_a
            )
            self.evidence += _log_ratio(b, null_b) if canary else _log_ratio(1 - b, 1 - null_b)
            self.highest = max(self.highest, self.evidence)
        self.production.counted(self.size, production)
        self.canary.counted(1, canary)

    def to_json(self) -> dict[str, Any]:
        return asdict(self)

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        arms = {"production": Waiting(**state["production"]), "canary": Waiting(**state["canary"])}
        return cls(**{**state, **arms})


def _log_ratio(alternative: float, null: float) -> float:
    if alternative <= 0:
        return -inf if null > 0 else 0.0
    return log(alternative) - log(null) if null > 0 else inf


def nearest_null(a: float, b: float, size: int, factor: float, offset: float) -> tuple[float, float]:
    """The rates on canary = factor * production + offset nearest to (`a`, `b`), which lie above that line.

    Minimises size * KL(a, x) + KL(b, factor * x + offset) over x: convex, so its slope is bisected.
    """
    if factor == 0:
        return a, offset
    low, high = max(0.0, -offset / factor), min(1.0, (1 - offset) / factor)
    for _ in range(60):
        x = (low + high) / 2
        y = factor * x + offset
        slope = size * (x - a) / max(x * (1 - x), _TINY) + factor * (y - b) / max(y * (1 - y), _TINY)
        low, high = (low, x) if slope > 0 else (x, high)
    x = (low + high) / 2
    return x, min(1.0, max(0.0, factor * x + offset))
