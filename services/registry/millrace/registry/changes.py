"""What a turn changes in the tables, as the ledger's entries carry it: columns by table, JSON values only."""

from datetime import datetime
from typing import Any

from pydantic import TypeAdapter

from millrace.events import ModelTrained
from millrace.registry.domain import Hold, Owed, Request, Rollout, Standing, Version
from millrace.workspace import Workspace

Changes = dict[str, Any]
"""`workspace`: columns of its row; `revisions`: rows; `versions`: columns by version."""

PLAIN: TypeAdapter[Any] = TypeAdapter(Rollout | Request | Hold | Owed | None)


def declared(spec: Workspace, revision: int, by: str, now: datetime) -> Changes:
    """A revision of a workspace's declaration."""
    digest, plain = spec.digest(), spec.plain()
    row = {"revision": revision, "digest": digest, "spec": plain, "by": by, "at": now.isoformat()}
    return {
        "workspace": {"revision": revision, "digest": digest, "spec": plain},
        "revisions": [{"workspace": spec.workspace, **row}],
    }


def between(before: Standing | None, after: Standing, *, trained: ModelTrained | None, now: datetime) -> Changes:
    """What differs from one standing to the next; `trained` is what a new version was made from."""
    known = before.versions if before else {}
    versions = {
        version.id: _patch(known[version.id], version, now) if version.id in known else _row(version, trained, now)
        for version in after.versions.values()
        if known.get(version.id) != version
    }
    changed: Changes = {"versions": versions} if versions else {}
    workspace = _less(_workspace(before) if before else {}, _workspace(after))
    return {**changed, "workspace": workspace} if workspace else changed


def merged(one: Changes, other: Changes) -> Changes:
    both = {**one, **other}
    if "workspace" in one and "workspace" in other:
        both["workspace"] = {**one["workspace"], **other["workspace"]}
    return both


def _workspace(standing: Standing) -> dict[str, Any]:
    return {
        "name": standing.workspace,
        "route": standing.route.model_dump(mode="json"),
        "rollout": _plain(standing.rollout),
        "best": dict(standing.best),
        "previous": list(standing.previous),
        "confirmed": standing.confirmed,
        "numbered": standing.numbered,
        "request": _plain(standing.request),
    }


def _less(before: dict[str, Any], after: dict[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in after.items() if key not in before or before[key] != value}


def _version(version: Version) -> dict[str, Any]:
    """The columns that may change."""
    return {
        "stage": version.stage,
        "deployment": version.deployment.model_dump(mode="json"),
        "asked": version.asked,
        "against": version.against,
        "passed": version.passed,
        "scores": dict(version.scores),
        "report": version.report,
        "hold": _plain(version.hold),
        "owed": _plain(version.owed),
    }


def _patch(before: Version, after: Version, now: datetime) -> dict[str, Any]:
    moved = {"staged_at": now.isoformat()} if before.stage != after.stage else {}
    return {**_less(_version(before), _version(after)), **moved}


def _row(version: Version, trained: ModelTrained | None, now: datetime) -> dict[str, Any]:
    """A new version, whole."""
    assert trained is not None
    position = trained.envelope.position
    return {
        "id": version.id,
        "workspace": trained.workspace,
        "number": version.number,
        **_version(version),
        "run_id": version.run_id,
        "dataset": version.dataset,
        "manifest": version.manifest,
        "method": version.method,
        "base": version.base,
        "attempt": version.attempt,
        "parent": version.parent,
        "cycle_id": str(version.cycle_id) if version.cycle_id else None,
        "change_point": version.change_point.isoformat() if version.change_point else None,
        "asked_by": version.asked_by,
        "trained": trained.model_dump(mode="json"),
        "trained_id": str(trained.id),
        "trained_position": position._asdict() if position else None,
        "created_at": now.isoformat(),
        "staged_at": now.isoformat(),
        "erasures": [],
    }


def _plain(value: Any) -> Any:
    return PLAIN.dump_python(value, mode="json")
