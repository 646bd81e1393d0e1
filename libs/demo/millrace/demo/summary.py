"""The end of the story as JSON, and whether it kept all its promises."""

from collections.abc import Sequence
from dataclasses import asdict
from typing import Any

from millrace.demo import evidence
from millrace.demo import expectations as expect
from millrace.demo.expectations import Intake
from millrace.demo.facts import Facts
from millrace.demo.steps import STEPS, Outcome
from millrace.events import ModelEvaluated, ModelRegistered, ModelStaged


def ok(outcomes: Sequence[Outcome]) -> bool:
    """Every step was played and every promise kept."""
    whole = [outcome.name for outcome in outcomes] == [step.name for step in STEPS]
    return whole and all(check.kept for outcome in outcomes for check in outcome.checks)


def versions(facts: Facts) -> list[dict[str, Any]]:
    """The versions in the order of their registration, each where it stands at the end."""
    found = []
    for registered in facts.of(ModelRegistered):
        staged = facts.of(ModelStaged, lambda event, name=registered.version: event.version == name)  # type: ignore[misc]
        judged = facts.of(ModelEvaluated, lambda event, name=registered.version: event.version == name)  # type: ignore[misc]
        found.append(
            {
                "id": registered.version,
                "method": registered.method,
                "stage": staged[-1].stage if staged else "registered",
                "scores": evidence.scores(judged[-1] if judged else None),
                "why": staged[-1].reason if staged else "",
            }
        )
    return found


def summary(
    facts: Facts, outcomes: Sequence[Outcome], intake: Intake | None, *, up_s: float, rss_mb: float, took_s: float
) -> dict[str, Any]:
    """`detection.requests` and the parts of `regained` are null where the story did not get there."""
    before, worst, after = expect.quality(facts)
    counted = intake or Intake.of(facts)
    return {
        "ok": ok(outcomes),
        "took_s": round(took_s, 1),
        "total_s": round(up_s + took_s, 1),
        "steps": [
            {
                "name": outcome.name,
                "at_s": round(outcome.at_s, 2),
                "took_s": round(outcome.took_s, 2),
                "evidence": {**outcome.evidence, "checks": [asdict(check) for check in outcome.checks]},
            }
            for outcome in outcomes
        ],
        "versions": versions(facts),
        "counts": {
            "published": counted.published,
            "kept": counted.kept,
            "duplicated": counted.duplicated,
            "rejected": counted.rejected,
            "masked": counted.masked,
            "predictions": len(facts.calls) - facts.failed,
            "feedback": sum(facts.given.values()),
            "failed_requests": facts.failed,
        },
        "detection": {"requests": expect.detection(facts)},
        "regained": {"before": before, "worst": worst, "after": after},
        "stack": {"up_s": round(up_s, 1), "rss_mb": round(rss_mb)},
    }
