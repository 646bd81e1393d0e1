"""What a step puts into the summary: plain data for JSON."""

from dataclasses import asdict
from statistics import quantiles
from typing import Any
from uuid import UUID

from millrace.demo import expectations as expect
from millrace.demo.expectations import Intake
from millrace.demo.facts import Facts
from millrace.events import (
    DatasetReleased,
    ModelEvaluated,
    ModelRegistered,
    ModelStaged,
    ModelTrained,
    RolloutJudged,
)


def intake(facts: Facts, history: Intake) -> dict[str, Any]:
    return {**asdict(history), "masks": dict(facts.masks), "reasons": dict(facts.reasons)}


def version(facts: Facts, cycle: UUID | None) -> dict[str, Any]:
    """A cycle from its dataset to its end."""
    cut = next(iter(facts.cycle(DatasetReleased, cycle)), None)
    trained = next(iter(facts.cycle(ModelTrained, cycle)), None)
    judged = next(iter(facts.cycle(ModelEvaluated, cycle)), None)
    registered = next(iter(facts.cycle(ModelRegistered, cycle)), None)
    end = facts.end(cycle)
    return {
        "cycle": str(cycle),
        "dataset": {"digest": cut.dataset, "rows": cut.rows} if cut else None,
        "runs": [
            {"method": run.method, "scores": run.scores, "seconds": run.seconds, "failed": run.failed}
            for run in (trained.runs if trained else [])
        ],
        "version": registered.version if registered else None,
        "method": trained.method if trained else None,
        "scores": scores(judged),
        "gate": [condition.model_dump(exclude_none=True) for condition in (judged.conditions if judged else [])],
        "rollout": [
            {"step": one.step, "share": one.share, "verdict": one.verdict, "because": one.because}
            for one in facts.cycle(RolloutJudged, cycle)
        ],
        "end": {"stage": end.stage, "reason": end.reason} if end else None,
    }


def alarm(facts: Facts) -> dict[str, Any]:
    rang = expect.first_alarm(facts)
    if rang is None:
        return {}
    told = rang.model_dump(mode="json", include={"monitor", "detector", "statistic", "before", "after", "since_change"})
    return {**told, "version": rang.version, "change_point": str(rang.change_point), "examples": len(rang.examples)}


def recovery(facts: Facts, cycle: UUID | None) -> dict[str, Any]:
    before, worst, after = expect.quality(facts)
    staged = [
        {"stage": event.stage, "at": event.occurred_at.isoformat(), "reason": event.reason}
        for event in facts.cycle(ModelStaged, cycle)
    ]
    return {**version(facts, cycle), "staged": staged, "accuracy": {"before": before, "worst": worst, "after": after}}


def latencies(facts: Facts, cycle: UUID | None) -> dict[str, float]:
    """The callers' 50th and 99th percentile in ms, of this cycle's version and of the others meanwhile."""
    registered = next(iter(facts.cycle(ModelRegistered, cycle)), None)
    if registered is None:
        return {}
    since = [call for call in facts.calls if call.version and call.at >= registered.occurred_at]
    canary = [call.latency_ms for call in since if call.version == registered.version]
    others = [call.latency_ms for call in since if call.version != registered.version]
    found: dict[str, float] = {}
    for name, measured in (("canary", canary), ("production", others)):
        if len(measured) > 1:
            cuts = quantiles(measured, n=100)
            found |= {f"{name}_p50": round(cuts[49], 1), f"{name}_p99": round(cuts[98], 1)}
    return found


def reckoning(facts: Facts) -> dict[str, Any]:
    return {
        "requests": len(facts.calls),
        "failed": facts.failed,
        "failures": dict(facts.failures),
        "untaken": dict(facts.untaken),
        "unread": dict(facts.unread),
    }


def scores(judged: ModelEvaluated | None) -> dict[str, float]:
    """By suite.metric."""
    if judged is None:
        return {}
    return {
        f"{suite}.{metric}": round(score.value, 4)
        for suite, metrics in judged.scores.items()
        for metric, score in metrics.items()
    }
