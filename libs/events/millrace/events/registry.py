"""Workspaces, versions, stages, routes."""

from datetime import datetime
from typing import Any

from pydantic import Field

from millrace.events.envelope import Event
from millrace.events.parts import Deployment, Route, Stage


class WorkspaceConfigured(Event):
    """A workspace's declaration, whole."""

    retention = "table"

    revision: int = Field(ge=1)
    spec: dict[str, Any] = Field(description="the canonical form of the workspace file")
    digest: str
    by: str


class WorkspaceRouted(Event):
    """A workspace's route, whole."""

    retention = "table"

    route: Route


class ModelRegistered(Event):
    """A trained model became a version."""

    version: str
    number: int = Field(ge=1)
    run_id: str
    dataset: str
    manifest: str
    deployment: Deployment
    method: str
    base: str
    parent: str | None = Field(default=None, description="production when it was registered")
    scores: dict[str, float] = Field(default_factory=dict)


class LedgerAppended(Event):
    """An entry of the registry's ledger: what was decided, by whom and why, and what it changed.

    `hash` is sha256, in hex, over `previous`, a newline and `entry`, byte for byte. Folding the entries of a workspace
    in their order gives the registry's tables back.
    """

    number: int = Field(ge=1, description="counts up within the workspace, without gaps")
    previous: str = Field(description="the hash of the entry before; 64 zeros at the first")
    hash: str
    kind: str
    entry: str = Field(description="JSON; what is hashed is this text as it stands")


class EvaluationRequested(Event):
    """A version is to be judged against production at the gate."""

    candidate: Deployment
    production: Deployment | None = None
    revision: int = Field(ge=0, description="the route's revision seen")
    workspace_revision: int = Field(ge=1)
    dataset: str
    manifest: str
    best: dict[str, float] = Field(
        default_factory=dict, description="highest score ever in production, by suite.metric, e.g. golden.macro_f1"
    )
    change_point: datetime | None = None


class ModelStaged(Event):
    """A version moved. The route goes with it, since the table topic keeps only the last."""

    stage: Stage
    reason: str
    version: str | None = Field(default=None, description="absent where a cycle failed before there was one")
    route: Route
    attempt: int = Field(default=1, ge=1)
    scores: dict[str, float] = Field(default_factory=dict, description="by suite.metric")
    by: str = "evidence"

    @property
    def final(self) -> bool:
        """Whether this closes the cycle."""
        return self.stage in {"production", "refused", "rejected", "failed", "rolled-back"}
