from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any
from uuid import UUID, uuid4, uuid5

import pytest

from millrace.demo.facts import Call, Facts
from millrace.events import (
    DatasetReleased,
    DriftDetected,
    Envelope,
    Event,
    ModelEvaluated,
    ModelRegistered,
    ModelStaged,
    ModelTrained,
    RetrainingRequested,
    RolloutJudged,
    RouteApplied,
    WorkspaceConfigured,
)

START = datetime(2026, 11, 21, 12, tzinfo=UTC)
FIRST, SECOND, BAD, HARMFUL = (uuid5(UUID(int=1), name) for name in ("first", "second", "bad", "harmful"))
SCORE = {"value": 0.9, "low": 0.88, "high": 0.92, "n": 500}
SCORES = {suite: {"macro_f1": SCORE, "accuracy": SCORE} for suite in ("fresh", "golden", "typos")}


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def put(kind: type[Event], seconds: float, cycle: UUID | None = None, /, **fields: Any) -> Event:
    event = kind.model_validate({"workspace": "w", **fields})
    return event.within(Envelope(uuid4(), "test", at(seconds), at(seconds), cycle_id=cycle))


def deployment(version: str) -> dict[str, Any]:
    return {"version": version, "artifact": "a", "digest": "d", "task": "classify", "labels": ["late", "lost"]}


def route(revision: int, version: str) -> dict[str, Any]:
    return {"revision": revision, "workspace_revision": 1, "production": deployment(version)}


def trained(seconds: float, cycle: UUID, version: str) -> list[Event]:
    runs = [
        {"run_id": "r1", "method": "linear-probe", "base": "minilm", "scores": {"macro_f1": 0.9}, "seconds": 9.0},
        {"run_id": "r2", "method": "full", "base": "minilm", "scores": {"macro_f1": 0.8}, "seconds": 26.0},
    ]
    about = {
        "run_id": "r1",
        "dataset": "sha256:0123456789ab",
        "manifest": "m",
        "method": "linear-probe",
        "base": "minilm",
    }
    rows = {"train": 1260, "validation": 270, "fresh": 270, "golden": 500}
    return [
        put(
            DatasetReleased,
            seconds,
            cycle,
            rows=rows,
            labels={"late": 9},
            attempt=1,
            **_only(about, "dataset", "manifest"),
        ),
        put(
            ModelTrained,
            seconds + 1,
            cycle,
            **about,
            task="classify",
            artifact="a",
            digest="d",
            labels=["late", "lost"],
            workspace_revision=1,
            attempt=1,
            seed=7,
            seconds=9.0,
            runs=runs,
        ),
        put(
            ModelRegistered,
            seconds + 2,
            cycle,
            version=version,
            number=int(version[-1]),
            deployment=deployment(version),
            **about,
        ),
    ]


def judged(seconds: float, cycle: UUID, version: str, verdict: str, *conditions: dict[str, Any]) -> Event:
    return put(
        ModelEvaluated,
        seconds,
        cycle,
        version=version,
        revision=1,
        dataset="sha256:0123456789ab",
        verdict=verdict,
        conditions=list(conditions),
        scores=SCORES,
        report="r",
    )


def rolled(seconds: float, cycle: UUID, version: str, step: str, share: float | None, verdict: str, why: str) -> Event:
    return put(
        RolloutJudged,
        seconds,
        cycle,
        version=version,
        revision=2,
        step=step,
        share=share,
        verdict=verdict,
        because=why,
        evidence={},
    )


def staged(seconds: float, cycle: UUID, version: str, stage: str, production: str, why: str, **more: Any) -> Event:
    revision = int(seconds)
    return put(
        ModelStaged,
        seconds,
        cycle,
        stage=stage,
        reason=why,
        version=version,
        route=route(revision, production),
        **more,
    )


def _only(fields: dict[str, Any], *names: str) -> dict[str, Any]:
    return {name: fields[name] for name in names}


def calls(begin: float, count: int, version: str, right: Callable[[int], bool]) -> list[Call]:
    """Fifty a second, every second one labelled."""
    return [
        Call(at(begin + n / 50), version, "production", 0.8, 20.0, right(n) if n % 2 == 0 else None)
        for n in range(count)
    ]


@pytest.fixture
def facts() -> Facts:
    """A story that went as it should: the shift at 60 s, the alarm after 150 requests, the second version at 100 s."""
    told = Facts(shift=at(60))
    events = [
        *trained(30, FIRST, "w-1"),
        judged(34, FIRST, "w-1", "pass"),
        staged(35, FIRST, "w-1", "production", "w-1", "passed the gate"),
        put(RouteApplied, 35, FIRST, revision=35, ok=True, replicas=1),
        put(
            DriftDetected,
            63,
            lane=0,
            version="w-1",
            monitor="confidence",
            detector="adwin",
            statistic=0.2,
            before=0.83,
            after=0.66,
            change_point=at(60.2),
            predictions=750,
            since_change=140,
        ),
        put(
            RetrainingRequested,
            63,
            SECOND,
            because="drift",
            attempt=1,
            deadline=at(600),
            workspace_revision=1,
            min_labels=300,
        ),
        *trained(75, SECOND, "w-2"),
        judged(79, SECOND, "w-2", "pass"),
        rolled(85, SECOND, "w-2", "shadow", None, "promote", "accuracy proven"),
        rolled(90, SECOND, "w-2", "canary", 0.2, "promote", "no harm"),
        rolled(95, SECOND, "w-2", "canary", 0.5, "promote", "no harm"),
        staged(100, SECOND, "w-2", "production", "w-2", "no harm proven"),
        *trained(150, BAD, "w-3"),
        judged(
            155,
            BAD,
            "w-3",
            "fail",
            {"condition": "golden.macro_f1 >= best - 0.03", "verdict": "fail", "left": 0.78, "right": 0.88},
        ),
        staged(156, BAD, "w-3", "rejected", "w-2", "golden.macro_f1 >= best - 0.03"),
        put(WorkspaceConfigured, 157, revision=2, spec={"data": {"retired": ["partner-desk"]}}, digest="d", by="demo"),
        *trained(170, HARMFUL, "w-4"),
        judged(175, HARMFUL, "w-4", "pass"),
        rolled(180, HARMFUL, "w-4", "shadow", None, "promote", "accuracy proven"),
        rolled(190, HARMFUL, "w-4", "canary", 0.2, "roll-back", "latency.p99 <= 1.5 * production: disproven"),
        staged(191, HARMFUL, "w-4", "rolled-back", "w-2", "latency.p99 <= 1.5 * production: disproven"),
    ]
    for event in events:
        told.add(event)
    told.given["label"] += 1
    told.calls += calls(40, 1000, "w-1", lambda n: n % 20 != 0)
    told.calls += calls(60, 2000, "w-1", lambda n: n % 4 == 0)
    told.calls += calls(100, 1000, "w-2", lambda n: n % 20 != 10)
    return told
