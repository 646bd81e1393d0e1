"""A cycle, from the decision to train to a trained candidate."""

from datetime import datetime
from typing import Any

from pydantic import Field

from millrace.events.envelope import Event
from millrace.events.parts import RunSummary, Trigger


class RetrainingRequested(Event):
    """A cycle is open and asks for rows."""

    because: Trigger
    attempt: int = Field(ge=1)
    deadline: datetime
    workspace_revision: int = Field(ge=1)
    min_labels: int = Field(ge=0, description="kept labelled rows since the change point that a cut waits for")
    change_point: datetime | None = Field(default=None, description="absent: the beginning")
    version: str | None = Field(default=None, description="production when the cycle opened")
    drift_id: str | None = None
    dataset: str | None = Field(default=None, description="the version to train on; absent: one is cut")
    note: str = ""
    asked_by: str | None = Field(default=None, description="the person who asked; absent: nobody did")


class TrainingStarted(Event):
    """The candidates' runs are queued."""

    dataset: str
    runs: list[RunSummary]


class TrainingProgressed(Event):
    """A run got further."""

    retention = "traffic"

    run_id: str
    method: str
    step: int = Field(ge=0)
    steps: int | None = None
    loss: float | None = None
    seconds: float = Field(ge=0)


class TrainingFailed(Event):
    """The cycle ended without a candidate."""

    reason: str
    attempt: int = Field(ge=1)
    runs: list[RunSummary] = Field(default_factory=list)


class ModelTrained(Event):
    """A cycle's best candidate by validation."""

    run_id: str
    dataset: str
    manifest: str
    method: str
    base: str
    task: str
    artifact: str = Field(description="S3 prefix of the artifact's folder")
    digest: str
    labels: list[str]
    workspace_revision: int = Field(ge=1)
    attempt: int = Field(ge=1)
    seed: int
    serving: dict[str, Any] = Field(default_factory=dict)
    scores: dict[str, float] = Field(default_factory=dict, description="on validation")
    seconds: float = Field(ge=0)
    environment: dict[str, str] = Field(default_factory=dict, description="versions of what weights depend on")
    parameters: dict[str, Any] = Field(default_factory=dict, description="what the run was told")
    measured: dict[str, float] = Field(default_factory=dict, description="what the run took: seconds, MB, Wh")
    cost: float | None = Field(default=None, ge=0, description="where an operator declares what an hour costs")
    runs: list[RunSummary] = Field(default_factory=list, description="all candidates, the picked one among them")
    change_point: datetime | None = None
    asked_by: str | None = Field(default=None, description="the person who asked for the cycle; absent: nobody did")
