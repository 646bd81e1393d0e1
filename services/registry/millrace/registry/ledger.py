"""Every decision becomes a row of the ledger, and most an event."""

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any
from uuid import UUID

from millrace.chassis import Transaction
from millrace.events import Cause, EvaluationRequested, Event, ModelRegistered, ModelStaged, WorkspaceRouted
from millrace.registry.domain import Asked, Decision, Noted, Registered, Routed, Staged, Turn, Version

MOVES = (EvaluationRequested, ModelStaged, WorkspaceRouted)
"""What evidence and people's commands may lead to."""


async def record(tx: Transaction, cause: Cause, turn: Turn) -> None:
    """Writes the decisions of a turn in their order and tells others of them."""
    workspace = turn.standing.workspace
    for event in announcements(workspace, cause, turn.decisions):
        tx.emit(event)
    revision = turn.standing.route.revision
    rows = [(workspace, tx.now, *_row(decision, revision, cause)) for decision in turn.decisions]
    await tx.executemany(
        """INSERT INTO ledger (workspace, at, kind, version, stage, reason, by, revision, cycle_id, detail, cause_id)
           VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)""",
        rows,
    )


async def moved(tx: Transaction, cause: Cause) -> dict[str, str]:
    """The stages that a cause has brought versions to."""
    rows = await tx.fetch("SELECT version, stage FROM ledger WHERE cause_id = $1 AND stage IS NOT NULL", cause.id)
    return {row["version"]: row["stage"] for row in rows}


def announcements(workspace: str, cause: Cause, decisions: Iterable[Decision]) -> Iterable[Event]:
    """The events of decisions, with stable ids: several of one kind are numbered in their order."""
    counted: Counter[type[Event]] = Counter()
    for decision in decisions:
        told = _told(decision)
        if told is None:
            continue
        event, cycle, fields = told
        yield event.caused_by(cause, ordinal=counted[event], cycle_id=cycle, workspace=workspace, **fields)
        counted[event] += 1


def _told(decision: Decision) -> tuple[type[Event], UUID | None, dict[str, Any]] | None:
    match decision:
        case Registered(version, scores):
            return ModelRegistered, version.cycle_id, _registered(decision)
        case Asked(version, route, revision, best):
            return (
                EvaluationRequested,
                version.cycle_id,
                {
                    "candidate": version.deployment,
                    "production": route.production,
                    "revision": route.revision,
                    "workspace_revision": revision,
                    "dataset": version.dataset,
                    "manifest": version.manifest,
                    "best": best,
                    "change_point": version.change_point,
                },
            )
        case Staged(version, stage, reason, route, attempt, by):
            scores = dict(version.scores) if version else {}
            fields = {"stage": stage, "reason": reason, "route": route, "attempt": attempt, "by": by, "scores": scores}
            return ModelStaged, version.cycle_id if version else None, {**fields, "version": _id(decision)}
        case Routed(route):
            return WorkspaceRouted, None, {"route": route}
        case _:
            return None


def _registered(decision: Registered) -> dict[str, Any]:
    version = decision.version
    return {
        "version": version.id,
        "number": version.number,
        "run_id": version.run_id,
        "dataset": version.dataset,
        "manifest": version.manifest,
        "deployment": version.deployment,
        "method": version.method,
        "base": version.base,
        "parent": version.parent,
        "scores": decision.scores,
    }


def _id(decision: Staged) -> str | None:
    return decision.version.id if decision.version else None


def _row(decision: Decision, revision: int, cause: Cause) -> tuple[Any, ...]:
    """kind, version, stage, reason, by, revision, cycle, detail, cause"""
    match decision:
        case Registered(version, scores):
            detail: dict[str, Any] = {"run": version.run_id, "dataset": version.dataset, "validation": scores}
            return _entry("registered", revision, cause, of=version, detail=detail)
        case Asked(version, route, _, best):
            detail = {"against": version.against, "best": best}
            return _entry("asked", route.revision, cause, of=version, detail=detail)
        case Staged(version, stage, reason, route, attempt, by):
            detail = {"attempt": attempt, "scores": dict(version.scores) if version else {}}
            return _entry("staged", route.revision, cause, of=version, stage=stage, reason=reason, by=by, detail=detail)
        case Routed(route, reason, by):
            detail = route.model_dump(mode="json", exclude_none=True)
            return _entry("routed", route.revision, cause, reason=reason, by=by, detail=detail)
        case Noted(what, reason, name):
            return _entry(what, revision, cause, version=name, reason=reason)


def _entry(
    kind: str,
    revision: int,
    cause: Cause,
    *,
    of: Version | None = None,
    version: str | None = None,
    stage: str | None = None,
    reason: str = "",
    by: str = "evidence",
    detail: dict[str, Any] | None = None,
) -> tuple[Any, ...]:
    name, cycle = (of.id, of.cycle_id) if of else (version, cause.cycle_id)
    return (kind, name, stage, reason, by, revision, cycle, json.dumps(detail or {}), cause.id)
