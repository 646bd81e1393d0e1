"""The rules of stages and routes: a standing and a fact in, the next standing and decisions out."""

from millrace.registry.domain.commands import approve, promote, roll_back
from millrace.registry.domain.decisions import Asked, Decision, Noted, Registered, Routed, Staged
from millrace.registry.domain.declarations import opened, plan_of, redeclared
from millrace.registry.domain.errors import (
    NotHeld,
    NothingToApprove,
    NothingToRollBack,
    NotPromotable,
    NotYetServed,
    RolloutUnderWay,
    SamePerson,
    StaleRevision,
    VersionHeld,
    VersionNotFound,
    WorkspaceNotFound,
)
from millrace.registry.domain.evidence import applied, evaluated, evaluation_failed, failed, inspected, judged, trained
from millrace.registry.domain.keeping import hold, note, release, sign_anew, sign_first
from millrace.registry.domain.standing import Hold, Owed, Plan, Request, Rollout, Standing, Step, Version
from millrace.registry.domain.turn import Turn

__all__ = [
    "Asked",
    "Decision",
    "Hold",
    "NotHeld",
    "NotPromotable",
    "NotYetServed",
    "Noted",
    "NothingToApprove",
    "NothingToRollBack",
    "Owed",
    "Plan",
    "Registered",
    "Request",
    "Rollout",
    "RolloutUnderWay",
    "Routed",
    "SamePerson",
    "Staged",
    "StaleRevision",
    "Standing",
    "Step",
    "Turn",
    "Version",
    "VersionHeld",
    "VersionNotFound",
    "WorkspaceNotFound",
    "applied",
    "approve",
    "evaluated",
    "evaluation_failed",
    "failed",
    "hold",
    "inspected",
    "judged",
    "note",
    "opened",
    "plan_of",
    "promote",
    "redeclared",
    "release",
    "roll_back",
    "sign_anew",
    "sign_first",
    "trained",
]
