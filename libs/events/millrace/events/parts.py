"""Values that several events share."""

from datetime import datetime
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Arm = Literal["production", "shadow", "canary"]
Basis = Literal["blind", "shown"]
Split = Literal["train", "validation", "test"]
Verdict = Literal["pass", "fail", "inconclusive"]
FeedbackKind = Literal["label", "outcome", "rating", "edit", "preference"]
Trigger = Literal["drift", "growth", "schedule", "hand"]
Stage = Literal[
    "registered", "shadow", "canary", "production", "superseded", "refused", "rejected", "failed", "rolled-back"
]

Lane = Annotated[int, Field(ge=0, description="stable hash of the entity's id modulo the workspace's lanes")]


class Part(BaseModel):
    model_config = ConfigDict(frozen=True, extra="ignore", allow_inf_nan=False)


class Origin(Part):
    """The intake record that a row came from; partition and offset are absent for HTTP."""

    topic: str
    partition: int | None = None
    offset: int | None = None
    event_id: str


class Reason(Part):
    """Why something was refused: which field, what was expected."""

    code: str
    field: str
    expected: str


class Signature(Part):
    """Ed25519 over a deployment as canonical JSON, its signature left out."""

    key: str = Field(description="which public key: the first 16 hex digits of its sha256")
    value: str = Field(description="base64")


class Deployment(Part):
    """All that serving needs to answer with a version; changing any of it makes another version."""

    version: str
    artifact: str = Field(description="S3 prefix of the artifact's folder")
    digest: str = Field(description="sha256 over the artifact's files")
    task: str
    labels: list[str]
    parameters: dict[str, Any] = Field(
        default_factory=dict, description="serving parameters, e.g. pad_to, max_length (tokens)"
    )
    signature: Signature | None = Field(default=None, description="the registry's; what has none is not loaded")


class Canary(Part):
    deployment: Deployment
    share: float = Field(gt=0, lt=1, description="share of assignment units")


class Route(Part):
    """A workspace's whole route under a rising revision: one atomic switch."""

    revision: int = Field(ge=0)
    workspace_revision: int = Field(ge=1, description="the workspace revision a rollout started under, and keeps")
    production: Deployment | None = None
    shadow: Deployment | None = None
    canary: Canary | None = None

    def deployments(self) -> list[Deployment]:
        """Production first, then shadow and canary where there are."""
        canary = self.canary.deployment if self.canary else None
        return [deployment for deployment in (self.production, self.shadow, canary) if deployment]


class Score(Part):
    """A figure with its 95 % interval over `n` rows."""

    value: float
    low: float
    high: float
    n: int = Field(ge=0)


class ConditionResult(Part):
    """How one condition of a gate fared. `low` and `high` bound left minus right; absent where it held vacuously."""

    condition: str
    verdict: Verdict
    left: float | None = None
    right: float | None = None
    low: float | None = None
    high: float | None = None
    n: int = 0
    note: str = ""


class RunSummary(Part):
    """One candidate of a cycle. `scores` are on validation rows."""

    run_id: str
    method: str
    base: str
    scores: dict[str, float] = Field(default_factory=dict)
    seconds: float = 0.0
    failed: str | None = None
    untrusted: bool = Field(default=True, description="whether untrusted rows were among its training rows")


class Change(Part):
    """A change point: when the world is thought to have changed, and on what grounds."""

    at: datetime
    drift_id: str | None = None
