"""Canary: a version answers a share of the units, and is watched for harm."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Self

from millrace.evaluation.domain.allocation import Allocation
from millrace.evaluation.domain.latency import Slowness
from millrace.evaluation.domain.rates import RateTest
from millrace.evaluation.domain.verdicts import Inconclusive, Promote, Right, RollBack, Verdict, Wait, e_value, share
from millrace.pages.words import counted
from millrace.workspace.conditions import Condition

ALLOCATION_ALPHA = 0.001
SLOW_SHARE = 0.01


@dataclass
class Harm:
    """A condition that the canary must not break, and the test that would prove that it does."""

    condition: Condition
    test: RateTest

    @classmethod
    def of(cls, condition: Condition) -> Self:
        """`latency.p99 <= k * production` is a rate: 1 % more of the canary's answers may be slower than that."""
        if str(condition.left) == "latency.p99":
            return cls(condition, RateTest.of(1.0, SLOW_SHARE))
        return cls(condition, RateTest.of(condition.right.factor, condition.right.offset))

    @property
    def metric(self) -> str:
        return str(self.condition.left)

    def to_json(self) -> dict[str, Any]:
        return {"condition": str(self.condition), "test": self.test.to_json()}

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        return cls(Condition.parse(state["condition"]), RateTest.from_json(state["test"]))


@dataclass
class Canary:
    """One step of a canary.

    `harms` go on from one share to the next, so alpha, split over them, covers the whole rollout; labels and the
    allocation start anew. Latency is compared with `usual_p99_ms` of production: from before the rollout, when
    neither version waited for the other's computations, or else from its first hundred answers in the step.
    """

    harms: list[Harm]
    labels: int
    alpha: float
    allocation: Allocation
    usual_p99_ms: float | None = None
    slowness: Slowness = field(default_factory=Slowness)
    production: Right = field(default_factory=Right)
    candidate: Right = field(default_factory=Right)

    @classmethod
    def of(
        cls,
        conditions: Sequence[Condition],
        *,
        labels: int,
        alpha: float,
        share: float,
        usual_p99_ms: float | None = None,
        before: "Canary | None" = None,
    ) -> Self:
        """At the start of a step; `before` is the step of the same rollout at a smaller share."""
        harms = before.harms if before else [Harm.of(condition) for condition in conditions]
        for harm in harms:
            harm.test.share(share)
        usual = before.usual_p99_ms if before and before.usual_p99_ms is not None else usual_p99_ms
        return cls(harms, labels, alpha, Allocation(share), usual)

    def serve(self, *, canary: bool, failed: bool, latency_ms: float) -> None:
        """A unit's first answer in this step."""
        if self.usual_p99_ms is None and not canary:
            self.slowness.observe(latency_ms)
            self.usual_p99_ms = self.slowness.p99
        for harm in self.harms:
            if harm.metric == "error_rate":
                harm.test.observe(canary, failed)
            elif harm.metric == "latency.p99" and self.usual_p99_ms is not None:
                harm.test.observe(canary, latency_ms > harm.condition.right.factor * self.usual_p99_ms)

    def mature(self, *, canary: bool, negative: bool) -> None:
        """A unit's time has passed: it counts as allocated, and was there a bad word?

        Units are counted by when they came and only once the slower arm has answered too; by when they were answered,
        a slow arm would look like one that gets too few.
        """
        self.allocation.observe(canary)
        for harm in self.harms:
            if harm.metric == "feedback.negative":
                harm.test.observe(canary, negative)

    def label(self, *, canary: bool, correct: bool) -> None:
        """A unit's first label in this step."""
        (self.candidate if canary else self.production).observe(correct)

    def judge(self) -> Verdict:
        """Roll back for the first harm that is proven; promote when there are labels enough and none is."""
        for harm in self.harms:
            if harm.test.proven(self.alpha / len(self.harms)):
                return RollBack(f"{harm.condition}: broken; {harm.test}")
        if self.allocation.mismatched(ALLOCATION_ALPHA):
            return Inconclusive(f"sample-ratio mismatch: {self.allocation}")
        if self.candidate.n < self.labels:
            return Wait(f"{counted(self.labels - self.candidate.n, 'label')} of the canary")
        return Promote(
            f"no harm proven in {counted(self.allocation.canary, 'unit')}, {counted(self.candidate.n, 'label')}"
        )

    def evidence(self) -> dict[str, Any]:
        """Figures for people and for the record: rates with 95 % Wilson intervals, tests with their e-values."""
        return {
            "labels": {"counted": self.candidate.n, "needed": self.labels},
            "accuracy": {"production": self.production.score(), "candidate": self.candidate.score()},
            "units": {"production": self.allocation.production, "candidate": self.allocation.canary},
            "share": {"expected": self.allocation.share, "e_value": e_value(self.allocation.highest)},
            "void": self.allocation.mismatched(ALLOCATION_ALPHA),
            "usual_p99_ms": self.usual_p99_ms,
            "harm": [self._shown(harm) for harm in self.harms],
        }

    def _shown(self, harm: Harm) -> dict[str, Any]:
        return {
            "condition": str(harm.condition),
            "production": share(harm.test.production.events, harm.test.production.n),
            "candidate": share(harm.test.canary.events, harm.test.canary.n),
            "e_value": e_value(harm.test.highest),
            "needed": len(self.harms) / self.alpha,
            "proven": harm.test.proven(self.alpha / len(self.harms)),
        }

    def to_json(self) -> dict[str, Any]:
        return {
            "harms": [harm.to_json() for harm in self.harms],
            "labels": self.labels,
            "alpha": self.alpha,
            "allocation": self.allocation.to_json(),
            "usual_p99_ms": self.usual_p99_ms,
            "slowness": self.slowness.to_json(),
            "production": self.production.to_json(),
            "candidate": self.candidate.to_json(),
        }

    @classmethod
    def from_json(cls, state: dict[str, Any]) -> Self:
        return cls(
            [Harm.from_json(harm) for harm in state["harms"]],
            state["labels"],
            state["alpha"],
            Allocation.from_json(state["allocation"]),
            state["usual_p99_ms"],
            Slowness.from_json(state["slowness"]),
            Right(**state["production"]),
            Right(**state["candidate"]),
        )
