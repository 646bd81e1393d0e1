"""Facts for training's state machine, made short. Times are seconds after START."""

from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid5

from millrace.events import (
    DatasetFailed,
    DatasetGrown,
    DatasetReleased,
    Deployment,
    DriftDetected,
    Envelope,
    ModelStaged,
    Route,
    Stage,
)
from millrace.training.domain import Ask, Policy

START = datetime(2026, 11, 21, tzinfo=UTC)
SPACE = UUID("7f0c2a52-5d0e-4a52-a7f6-0d2f3f2a1c12")
POLICY = Policy(revision=3, min_labels=200, wait=timedelta(days=7), every=timedelta(weeks=1))


def at(seconds: float) -> datetime:
    return START + timedelta(seconds=seconds)


def envelope(name: str, seconds: float, cycle: UUID | None = None) -> Envelope:
    return Envelope(uuid5(SPACE, name), "test", at(seconds), at(seconds), cycle_id=cycle)


def drift(name: str, version: str, seconds: float, *, change: float | None = None) -> DriftDetected:
    return DriftDetected.create(
        envelope(name, seconds),
        workspace="w",
        lane=0,
        version=version,
        monitor="error",
        detector="adwin",
        statistic=0.3,
        before=0.08,
        after=0.4,
        change_point=at(seconds - 10 if change is None else change),
        predictions=900,
        since_change=100,
    )


def grown(name: str, seconds: float) -> DatasetGrown:
    return DatasetGrown.create(envelope(name, seconds), workspace="w", rows=2000, new=2000)


def released(cycle: UUID, seconds: float, attempt: int = 1) -> DatasetReleased:
    return DatasetReleased.create(
        envelope(f"released {cycle}", seconds, cycle),
        workspace="w",
        dataset=f"sha256:{cycle}",
        manifest="m",
        rows={"train": 800},
        labels={"a": 800},
        attempt=attempt,
    )


def dataset_failed(cycle: UUID, seconds: float) -> DatasetFailed:
    missing = {"total": 150}
    envelop = envelope(f"failed {cycle}", seconds, cycle)
    return DatasetFailed.create(envelop, workspace="w", reason="too few labels", attempt=1, missing=missing)


def staged(
    stage: Stage,
    version: str | None,
    *,
    production: str | None,
    cycle: UUID | None = None,
    seconds: float = 0,
    by: str = "evidence",
) -> ModelStaged:
    deployment = (
        Deployment(version=production, artifact="a", digest="d", task="classify", labels=["a", "b"])
        if production
        else None
    )
    return ModelStaged.create(
        envelope(f"staged {stage} {version} {cycle} {seconds}", seconds, cycle),
        workspace="w",
        stage=stage,
        reason=f"because {stage}",
        version=version,
        route=Route(revision=1, workspace_revision=1, production=deployment),
        by=by,
    )


def ask(name: str, seconds: float = 0) -> Ask:
    return Ask(uuid5(SPACE, name), "hand", at(seconds))
