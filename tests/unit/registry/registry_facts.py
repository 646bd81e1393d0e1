"""Facts for the registry's state machine, made short."""

from datetime import UTC, datetime
from itertools import count
from typing import Any, Literal
from uuid import UUID, uuid5

from millrace.events import (
    ConditionResult,
    Envelope,
    EvaluationFailed,
    ModelEvaluated,
    ModelTrained,
    RolloutJudged,
    Route,
    RouteApplied,
    Score,
    TrainingFailed,
    Verdict,
)
from millrace.registry.domain import Plan, Standing

NOW = datetime(2026, 11, 21, tzinfo=UTC)
SPACE = UUID("7f0c2a52-5d0e-4a52-a7f6-0d2f3f2a1c11")
PLAN = Plan(revision=1, shadow=True, shares=(0.1, 0.5))
_ids = count()


def envelope(cycle: int = 1) -> Envelope:
    return Envelope(uuid5(SPACE, str(next(_ids))), "test", NOW, NOW, cycle_id=uuid5(SPACE, f"cycle {cycle}"))


def standing(plan: Plan = PLAN) -> Standing:
    return Standing("w", plan, Route(revision=0, workspace_revision=1))


def model_trained(run: str = "run-1", *, attempt: int = 1) -> ModelTrained:
    return ModelTrained.create(
        envelope(),
        workspace="w",
        run_id=run,
        dataset="d",
        manifest="m",
        method="full",
        base="minilm",
        task="classify",
        artifact=f"w/models/{run}/",
        digest="sha256:0",
        labels=["a", "b"],
        workspace_revision=1,
        attempt=attempt,
        seed=7,
        scores={"macro_f1": 0.9},
        seconds=1.0,
    )


def training_failed(attempt: int = 1) -> TrainingFailed:
    return TrainingFailed.create(envelope(), workspace="w", reason="no run ended", attempt=attempt)


def model_evaluated(
    version: str, revision: int, verdict: Verdict = "pass", *, against: str | None = None, golden: float = 0.9
) -> ModelEvaluated:
    score = Score(value=golden, low=golden - 0.02, high=golden + 0.02, n=500)
    return ModelEvaluated.create(
        envelope(),
        workspace="w",
        version=version,
        against=against,
        revision=revision,
        dataset="d",
        verdict=verdict,
        conditions=[ConditionResult(condition="golden.macro_f1 >= best - 0.03", verdict=verdict)],
        scores={"golden": {"macro_f1": score}},
        report="r",
    )


def evaluation_failed(version: str, revision: int) -> EvaluationFailed:
    return EvaluationFailed.create(envelope(), workspace="w", version=version, revision=revision, reason="no rows")


def rollout_judged(
    version: str,
    revision: int,
    step: Literal["shadow", "canary"],
    verdict: Literal["promote", "roll-back", "inconclusive"] = "promote",
) -> RolloutJudged:
    fields: dict[str, Any] = {"because": "proven", "evidence": {}}
    return RolloutJudged.create(
        envelope(), workspace="w", version=version, revision=revision, step=step, verdict=verdict, **fields
    )


def route_applied(revision: int, *, ok: bool = True) -> RouteApplied:
    reason = "" if ok else "weights do not load"
    return RouteApplied.create(envelope(), workspace="w", revision=revision, ok=ok, replicas=2, reason=reason)
