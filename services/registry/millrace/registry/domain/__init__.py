"""The rules of stages and routes: a standing and a fact in, the next standing and decisions out."""

from millrace.registry.domain.commands import promote, roll_back
from millrace.registry.domain.decisions import Asked, Decision, Noted, Registered, Routed, Staged
from millrace.registry.domain.declarations import opened, plan_of, redeclared
from millrace.registry.domain.errors import (
    NothingToRollBack,
    NotPromotable,
    StaleRevision,
    VersionNotFound,
    WorkspaceNotFound,
)
from millrace.registry.domain.evidence import applied, evaluated, evaluation_failed, failed, inspected, judged, trained
from millrace.registry.domain.standing import Plan, Rollout, Standing, Step, Version
from millrace.registry.domain.turn import Turn

__all__ = [
    "Asked",
    "Decision",
    "NotPromotable",
    "Noted",
    "NothingToRollBack",
    "Plan",
    "Registered",
    "Rollout",
    "Routed",
    "Staged",
    "StaleRevision",
    "Standing",
    "Step",
    "Turn",
    "Version",
    "VersionNotFound",
    "WorkspaceNotFound",
    "applied",
    "evaluated",
    "evaluation_failed",
    "failed",
    "inspected",
    "judged",
    "opened",
    "plan_of",
    "promote",
    "redeclared",
    "roll_back",
    "trained",
]
