"""What can be said of a step of a rollout."""

from dataclasses import dataclass
from math import exp
from typing import ClassVar, Literal

from millrace.evaluation.domain.bounds import wilson


@dataclass(frozen=True, slots=True)
class Promote:
    because: str
    name: ClassVar[Literal["promote"]] = "promote"


@dataclass(frozen=True, slots=True)
class RollBack:
    because: str
    name: ClassVar[Literal["roll-back"]] = "roll-back"


@dataclass(frozen=True, slots=True)
class Inconclusive:
    because: str
    name: ClassVar[Literal["inconclusive"]] = "inconclusive"


@dataclass(frozen=True, slots=True)
class Wait:
    missing: str


Verdict = Promote | RollBack | Inconclusive | Wait


@dataclass
class Right:
    """How many of an arm's labelled answers were right."""

    n: int = 0
    right: int = 0

    def observe(self, correct: bool) -> None:
        self.n += 1
        self.right += correct

    def score(self) -> dict[str, float]:
        return share(self.right, self.n)

    def to_json(self) -> dict[str, int]:
        return {"n": self.n, "right": self.right}


def share(events: int, n: int) -> dict[str, float]:
    """A rate among `n` trials with its 95 % Wilson interval."""
    value = events / n if n else 0.0
    bounds = wilson(value, n)
    return {"value": value, "low": bounds.low, "high": bounds.high, "n": n}


def e_value(log_e: float) -> float:
    """An e-value from its logarithm, cut where it would overflow."""
    return exp(min(log_e, 700.0))
