"""Revisions of workspaces."""

import json
from collections.abc import Iterable
from typing import Any

from pydantic import ValidationError

from millrace.chassis import NotFound, Transaction, Unavailable, Unprocessable
from millrace.workspace import Workspace
from millrace.workspace.expected import faults


class WorkspaceUnknown(NotFound):
    """No revision of it has come."""

    def __init__(self, workspace: str) -> None:
        super().__init__(f"no workspace {workspace!r}: no revision of it has been read")
        self.workspace = workspace


class SpecNotRead(Unavailable):
    """The revision's event has not come yet."""

    def __init__(self, workspace: str, revision: int) -> None:
        super().__init__(f"revision {revision} of workspace {workspace!r} has not been read yet")
        self.workspace = workspace
        self.revision = revision


class SpecUnreadable(Unprocessable):
    """The revision can't be read by this release."""

    def __init__(self, workspace: str, revision: int, why: str) -> None:
        super().__init__(f"revision {revision} of workspace {workspace!r}: {why}")
        self.workspace = workspace
        self.revision = revision


async def save(tx: Transaction, specs: Iterable[tuple[str, int, dict[str, Any]]]) -> None:
    rows = [(workspace, revision, json.dumps(spec)) for workspace, revision, spec in specs]
    await tx.executemany("INSERT INTO specs VALUES ($1, $2, $3) ON CONFLICT DO NOTHING", rows)


async def known(tx: Transaction, workspace: str) -> None:
    """Raises WorkspaceUnknown."""
    if not await tx.fetchval("SELECT EXISTS (SELECT FROM specs WHERE workspace = $1)", workspace):
        raise WorkspaceUnknown(workspace)


async def load(tx: Transaction, workspace: str, revision: int) -> Workspace:
    """The revision, or the next one that is known where compaction took it. Raises SpecNotRead, SpecUnreadable."""
    spec = await tx.fetchval(
        "SELECT spec FROM specs WHERE workspace = $1 AND revision >= $2 ORDER BY revision LIMIT 1", workspace, revision
    )
    if spec is None:
        raise SpecNotRead(workspace, revision)
    try:
        return Workspace.read(json.loads(spec))
    except ValidationError as error:
        raise SpecUnreadable(workspace, revision, faults(error)) from error


async def latest(tx: Transaction, workspace: str) -> Workspace:
    """The newest revision that has come. Raises WorkspaceUnknown, SpecUnreadable."""
    await known(tx, workspace)
    newest = await tx.fetchval("SELECT max(revision) FROM specs WHERE workspace = $1", workspace)
    return await load(tx, workspace, newest)
