"""Every decision becomes an entry of the ledger, chained to the one before it, and most an event.

An entry carries what it changes, and the tables are nothing but the entries folded: live and in a rebuild by the same
statements. See decision 89.
"""

import json
from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from hashlib import sha256
from typing import Any
from uuid import UUID

from millrace.chassis import Transaction
from millrace.events import (
    Cause,
    EvaluationRequested,
    Event,
    LedgerAppended,
    ModelRegistered,
    ModelStaged,
    WorkspaceRouted,
)
from millrace.registry import store
from millrace.registry.changes import Changes
from millrace.registry.domain import Asked, Decision, Noted, Registered, Routed, Staged, Turn, Version

MOVES = (EvaluationRequested, LedgerAppended, ModelStaged, WorkspaceRouted)
"""What evidence and people's commands may lead to."""

FIRST = "0" * 64
"""The hash before the first entry."""

Entry = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Link:
    """An entry in its place. `text` is its JSON, which is what the hash is over."""

    number: int
    previous: str
    hash: str
    text: str


def link(number: int, previous: str, text: str) -> Link:
    return Link(number, previous, sha256(f"{previous}\n{text}".encode()).hexdigest(), text)


async def record(tx: Transaction, cause: Cause, turn: Turn, changes: Changes, *, before: Sequence[Entry] = ()) -> None:
    """Writes the decisions of a turn in their order, with what they change, and tells others of them.

    `before` are entries that no decision of the state machine stands for.
    """
    workspace, revision = turn.standing.workspace, turn.standing.route.revision
    for event in announcements(workspace, cause, turn.decisions):
        tx.emit(event)
    entries = [*before, *(_entry(decision, revision, cause) for decision in turn.decisions)]
    if not entries:
        assert not changes
        return
    about = {"workspace": workspace, "at": tx.now.isoformat(), "cause": str(cause.id), **_source(cause)}
    number, previous = await store.head(tx, workspace) or (0, FIRST)
    links: list[Link] = []
    for ordinal, told in enumerate(entries):
        changed = {"changes": changes} if changes and ordinal == len(entries) - 1 else {}
        whole = {**about, "number": (number := number + 1), **told, **changed}
        one = link(number, previous, canonical(whole))
        previous = one.hash
        links.append(one)
        tx.emit(
            LedgerAppended.caused_by(
                cause,
                ordinal=ordinal,
                cycle_id=UUID(whole["cycle"]) if whole["cycle"] else None,
                workspace=workspace,
                number=one.number,
                previous=one.previous,
                hash=one.hash,
                kind=whole["kind"],
                entry=one.text,
            )
        )
    await store.append(tx, workspace, [(one.number, one.previous, one.hash, one.text) for one in links])
    await store.apply(tx, workspace, changes)


def canonical(entry: Entry) -> str:
    """Canonical JSON of an entry, absent values left out."""
    told = {key: value for key, value in entry.items() if value is not None}
    return json.dumps(told, sort_keys=True, separators=(",", ":"), ensure_ascii=False, allow_nan=False)


def _source(cause: Cause) -> Entry:
    """Where the event that led to an entry stands in the log: a rebuild knows by it what was taken already."""
    position = cause.envelope.position if isinstance(cause, Event) else None
    return {"source": position._asdict()} if position else {}


async def moved(tx: Transaction, cause: Cause) -> dict[str, str]:
    """The stages that a cause has brought versions to."""
    rows = await tx.fetch("SELECT version, stage FROM ledger WHERE cause_id = $1 AND stage IS NOT NULL", cause.id)
    return {row["version"]: row["stage"] for row in rows}


async def acted(tx: Transaction, cause: Cause) -> bool:
    """Whether a cause has led to anything yet."""
    return bool(await tx.fetchval("SELECT EXISTS (SELECT FROM ledger WHERE cause_id = $1)", cause.id))


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


def _entry(decision: Decision, revision: int, cause: Cause) -> Entry:
    match decision:
        case Registered(version, scores):
            detail: dict[str, Any] = {"run": version.run_id, "dataset": version.dataset, "validation": scores}
            return entry("registered", revision, cause, of=version, by=version.asked_by or "evidence", detail=detail)
        case Asked(version, route, _, best):
            detail = {"against": version.against, "best": best}
            return entry("asked", route.revision, cause, of=version, detail=detail)
        case Staged(version, stage, reason, route, attempt, by):
            detail = {"attempt": attempt, "scores": dict(version.scores) if version else {}}
            return entry("staged", route.revision, cause, of=version, stage=stage, reason=reason, by=by, detail=detail)
        case Routed(route, reason, by):
            detail = route.model_dump(mode="json", exclude_none=True)
            return entry("routed", route.revision, cause, reason=reason, by=by, detail=detail)
        case Noted(what, reason, name, by):
            return entry(what, revision, cause, version=name, reason=reason, by=by)


def entry(
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
) -> Entry:
    name, cycle = (of.id, of.cycle_id) if of else (version, cause.cycle_id)
    return {
        "kind": kind,
        "version": name,
        "stage": stage,
        "reason": reason,
        "by": by,
        "revision": revision,
        "cycle": str(cycle) if cycle else None,
        "detail": detail or {},
    }
