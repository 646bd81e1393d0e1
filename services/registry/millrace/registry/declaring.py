"""A workspace file becomes a revision, where it means something new."""

import json
from typing import Any

from millrace.chassis import Blobs, Transaction
from millrace.events import Cause, WorkspaceConfigured, WorkspaceRouted
from millrace.registry import bases, domain, ledger, store
from millrace.workspace import Problem, Workspace, WorkspaceInvalid, changes_refused, doubts, load

EMITS = (WorkspaceConfigured, WorkspaceRouted)
LONGEST = 256 * 1024
"""Characters of a workspace file."""


async def read(text: str, blobs: Blobs) -> Workspace:
    """Raises WorkspaceInvalid with every problem of the file. S3 is asked only where a file names what may be there."""
    if len(text) > LONGEST:
        raise WorkspaceInvalid([Problem("", None, f"at most {LONGEST} characters")])
    try:
        return load(text)
    except WorkspaceInvalid as invalid:
        if not any(problem.key.startswith("train.bases") for problem in invalid.problems):
            raise
    return load(text, bases=await bases.kinds(blobs))


async def declare(tx: Transaction, spec: Workspace, *, by: str, cause: Cause) -> dict[str, Any]:
    """Raises WorkspaceInvalid where the file changes what is fixed for the workspace's life."""
    await store.lock(tx, spec.workspace)
    known = await store.declared(tx, spec.workspace)
    if known is None:
        turn = domain.opened(spec, by)
        revision = 1
    else:
        before, digest, was = known
        if problems := changes_refused(was, spec):
            raise WorkspaceInvalid(problems)
        if digest == spec.digest():
            return _applied(spec, before, changed=False)
        revision = before + 1
        turn = domain.redeclared(await store.load(tx, spec.workspace), spec)
    await store.declare(tx, spec, revision, by, route=turn.standing.route)
    tx.emit(
        WorkspaceConfigured.caused_by(
            cause, workspace=spec.workspace, revision=revision, spec=spec.plain(), digest=spec.digest(), by=by
        )
    )
    await _entry(tx, spec, revision, by, cause)
    await ledger.record(tx, cause, turn)
    return _applied(spec, revision, changed=True)


async def _entry(tx: Transaction, spec: Workspace, revision: int, by: str, cause: Cause) -> None:
    await tx.execute(
        """INSERT INTO ledger (workspace, at, kind, reason, by, revision, cause_id, detail)
           SELECT $1, $2, 'configured', $3, $4, (route->>'revision')::int, $5, $6 FROM workspaces WHERE name = $1""",
        spec.workspace,
        tx.now,
        f"revision {revision}",
        by,
        cause.id,
        json.dumps({"revision": revision, "digest": spec.digest()}),
    )


def _applied(spec: Workspace, revision: int, *, changed: bool) -> dict[str, Any]:
    return {
        "workspace": spec.workspace,
        "revision": revision,
        "digest": spec.digest(),
        "changed": changed,
        "doubts": [{"key": one.key, "said": one.expected} for one in doubts(spec)],
    }
