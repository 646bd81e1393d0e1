"""A step of a rollout: one revision of a route that has a shadow or a canary."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal
from uuid import UUID

from millrace.evaluation.domain.canary import Canary
from millrace.evaluation.domain.shadow import Shadow
from millrace.evaluation.domain.verdicts import Inconclusive, Promote, RollBack, Verdict, Wait
from millrace.events import FeedbackRecorded, PredictionServed, WorkspaceRouted
from millrace.workspace import Workspace

Evidence = Shadow | Canary


@dataclass
class Step:
    """`evidence` is there once every replica has the revision; nothing before `applied_at` counts.

    `traceparent` is the route's, and the verdict's: a rollout stays in the trace of its cycle.
    """

    workspace: str
    revision: int
    workspace_revision: int
    step: Literal["shadow", "canary"]
    version: str
    production: str
    share: float | None
    delay: timedelta
    otherwise: str
    cycle_id: UUID | None
    routed_at: datetime
    traceparent: str | None = None
    applied_at: datetime | None = None
    closes_at: datetime | None = None
    evidence: Evidence | None = None

    @staticmethod
    def of(event: WorkspaceRouted, spec: Workspace) -> "Step | None":
        """The step that a route asks for; None where it tries nothing, or has nothing to compare with."""
        route = event.route
        trial = route.canary.deployment if route.canary else route.shadow
        if trial is None or route.production is None:
            return None
        return Step(
            workspace=event.workspace,
            revision=route.revision,
            workspace_revision=route.workspace_revision,
            step="canary" if route.canary else "shadow",
            version=trial.version,
            production=route.production.version,
            share=route.canary.share if route.canary else None,
            delay=spec.feedback.delay,
            otherwise=spec.rollout.otherwise,
            cycle_id=event.cycle_id,
            routed_at=event.occurred_at,
            traceparent=event.traceparent,
        )

    def start(self, spec: Workspace, *, at: datetime, usual_p99_ms: float | None, before: "Step | None") -> None:
        """Begins to count. `before` is the step at a smaller share: its tests and its deadline go on."""
        self.applied_at = at
        rollout = spec.rollout
        goes_on = before is not None and (before.step, before.version, before.production) == (
            self.step,
            self.version,
            self.production,
        )
        earlier = before if goes_on else None
        self.closes_at = earlier.closes_at if earlier and earlier.closes_at else at + rollout.at_most
        if self.step == "shadow" and rollout.shadow:
            self.evidence = Shadow.of(rollout.shadow.require, labels=rollout.shadow.labels, alpha=rollout.alpha)
        elif self.step == "canary" and rollout.canary and self.share is not None:
            self.evidence = Canary.of(
                rollout.harm,
                labels=rollout.canary.labels,
                alpha=rollout.alpha,
                share=self.share,
                usual_p99_ms=usual_p99_ms,
                before=earlier.evidence if earlier and isinstance(earlier.evidence, Canary) else None,
            )

    def counts(self, event: PredictionServed | FeedbackRecorded) -> bool:
        """Whether an event is of this revision and of an arm in it, for what came since every replica has it."""
        came = came_at(event) if isinstance(event, PredictionServed) else event.predicted_at
        arms = ("production", self.step)
        return (
            event.revision == self.revision
            and event.arm in arms
            and self.applied_at is not None
            and came >= self.applied_at
        )

    def judge(self) -> Verdict:
        return self.evidence.judge() if self.evidence else Wait("every replica to have the route")

    def expire(self) -> Promote | RollBack | Inconclusive:
        """The verdict at the deadline."""
        verdict = self.judge()
        if not isinstance(verdict, Wait):
            return verdict
        return Inconclusive(f"time is over without {verdict.missing}")

    def shown(self) -> dict[str, Any]:
        """The evidence for the record and for people."""
        return {
            "against": self.production,
            "otherwise": self.otherwise,
            "applied_at": self.applied_at.isoformat() if self.applied_at else None,
            **(self.evidence.evidence() if self.evidence else {}),
        }


def came_at(event: PredictionServed) -> datetime:
    """When the request came; the event says when it was answered."""
    return event.occurred_at - timedelta(milliseconds=event.latency_ms)


def judges(event: FeedbackRecorded) -> bool:
    """Only trusted truths given without sight of our answer judge; a shown label favours production."""
    return event.kind in ("label", "outcome") and event.trusted and event.basis == "blind"


def was_right(event: FeedbackRecorded) -> bool:
    """An answer that failed says nothing, which is not right."""
    return event.correct is True


def unit_of(event: PredictionServed | FeedbackRecorded) -> str:
    """What the arm sticks to; a request alone where the product names nobody."""
    return (event.unit or event.request_id).replace("\x00", "\ufffd")  # which Postgres can't hold
