"""A workspace file becomes a revision, where it means something new."""

from typing import Any

from millrace.chassis import Blobs, Transaction
from millrace.events import Cause, LedgerAppended, WorkspaceConfigured, WorkspaceRouted
from millrace.registry import bases, changes, domain, ledger, store
from millrace.workspace import Problem, Workspace, WorkspaceInvalid, changes_refused, doubts, load

EMITS = (LedgerAppended, WorkspaceConfigured, WorkspaceRouted)
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
    standing = None
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
        standing = await store.load(tx, spec.workspace)
        turn = domain.redeclared(standing, spec)
    tx.emit(
        WorkspaceConfigured.caused_by(
            cause, workspace=spec.workspace, revision=revision, spec=spec.plain(), digest=spec.digest(), by=by
        )
    )
    told = {"revision": revision, "digest": spec.digest()}
    seen = turn.standing.route.revision
    entry = ledger.entry("configured", seen, cause, reason=f"revision {revision}", by=by, detail=told)
    moved = changes.between(standing, turn.standing, trained=None, now=tx.now)
    declared = changes.declared(spec, revision, by, tx.now)
    await ledger.record(tx, cause, turn, changes.merged(declared, moved), before=[entry])
    return _applied(spec, revision, changed=True)


def _applied(spec: Workspace, revision: int, *, changed: bool) -> dict[str, Any]:
    return {
        "workspace": spec.workspace,
        "revision": revision,
        "digest": spec.digest(),
        "changed": changed,
        "doubts": [{"key": one.key, "said": one.expected} for one in doubts(spec)],
    }
