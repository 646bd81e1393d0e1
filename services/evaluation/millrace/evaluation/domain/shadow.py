"""Shadow: a version answers beside production, unseen, and quality is judged."""

from dataclasses import dataclass, field
from typing import Any, Self

from millrace.evaluation.domain.means import PairedDifference
from millrace.evaluation.domain.verdicts import Promote, Right, RollBack, Verdict, Wait, e_value
from millrace.workspace.conditions import Condition


@dataclass
class Shadow:
    """A version that answers beside production, unseen: both are judged on the same labelled requests."""

    require: Condition
    labels: int
    alpha: float
    difference: PairedDifference
    production: Right = field(default_factory=Right)
    candidate: Right = field(default_factory=Right)

    @classmethod
    def of(cls, require: Condition, *, labels: int, alpha: float) -> Self:
        factor = require.right.factor if require.baseline else 0.0
        return cls(require, labels, alpha, PairedDifference.against(factor, require.right.offset))

    def observe(self, *, production: bool, candidate: bool) -> None:
        self.difference.observe(production, candidate)
        self.production.observe(production)
        self.candidate.observe(candidate)

    def judge(self) -> Verdict:
        """Promote once the requirement is proven on enough labels, roll back once it is disproven."""
        mean = self.difference.mean
        if mean.disproven(self.alpha):
            return RollBack(f"{self.require}: disproven by {mean.n} paired labels")
        if mean.n < self.labels:
            return Wait(f"{self.labels - mean.n} paired labels")
        if mean.proven(self.alpha):
            return Promote(f"{self.require}: proven by {mean.n} paired labels")
        return Wait(f"proof of {self.require}")

    def evidence(self) -> dict[str, Any]:
        """Figures for people and for the record; `low` and `high` hold over all looks, each at `alpha`."""
        bounds = self.difference.interval(self.alpha)
        return {
            "labels": {"counted": self.candidate.n, "needed": self.labels},
            "accuracy": {"production": self.production.score(), "candidate": self.candidate.score()},
            "require": {
                "condition": str(self.require),
                "difference": self.difference.value,
                "low": bounds.low,
                "high": bounds.high,
                "e_value": e_value(float(self.difference.mean.best_above[-1])),
                "needed": 1 / self.alpha,
            },
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "require": str(self.require),
            "labels": self.labels,
            "alpha": self.alpha,
            "difference": self.difference.to_json(),
            "production": self.production.to_json(),
            "candidate": self.candidate.to_json(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        arms = (Right(**state["production"]), Right(**state["candidate"]))
        difference = PairedDifference.from_json(state["difference"])
        return cls(Condition.parse(state["require"]), state["labels"], state["alpha"], difference, *arms)
