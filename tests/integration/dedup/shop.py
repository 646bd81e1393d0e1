"""Workspaces, documents and processes that the tests of dedup share."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from harness import Drained, Running, make

from millrace.dedup.app import build_app
from millrace.events import DocumentAccepted, DocumentDuplicated, DocumentKept, Origin, WorkspaceConfigured

TEXT = "my parcel says delivered but nothing has arrived at my door"
NEAR = "my parcel says delivered but nothing has arived at my door"
OTHER = "the courier broke the box and the vase inside it"


def configured(
    workspace: str,
    *,
    revision: int = 1,
    near: float = 0.8,
    semantic: float | None = None,
    then: str = "drop",
    **data: Any,
) -> WorkspaceConfigured:
    spec = {
        "workspace": workspace,
        "owner": "support",
        "task": "classify",
        "labels": {"names": ["lost", "late", "damaged"]},
        "data": {"duplicates": {"near": near, "semantic": semantic, "then": then}} | data,
    }
    return make(WorkspaceConfigured, workspace=workspace, revision=revision, spec=spec, digest="-", by="test")


def document(id: str, text: str = TEXT, label: str | None = "lost", **fields: Any) -> DocumentAccepted:
    values: dict[str, Any] = {"source": "web", "origin": Origin(topic="t", event_id=id), "trusted": True}
    return make(DocumentAccepted, document_id=id, text=text, label=label, **(values | fields))


@asynccontextmanager
async def beside(one: Running) -> AsyncIterator[Running]:
    """Another process of the same service on the same database, of the same group."""
    service = build_app(one.service.settings, clock=one.clock)
    await service.db.start()
    other = Running(service, one.clock)
    for table in service.tables:
        table._consumer = Drained()  # type: ignore[assignment]
    await other.tables.put(configured("parcels"))
    other._ends = one._ends
    try:
        yield other
    finally:
        await service.db.stop()


async def verdicts(dedup: Running) -> dict[str, str]:
    """What was last said of each document."""
    said: dict[str, tuple[int, str]] = {}
    async with dedup.db.reading() as tx:
        order = {
            row["id"]: row["seq"] for row in await tx.fetch("SELECT seq, headers::json->>'ce_id' AS id FROM outbox")
        }
    for kept in await dedup.emitted(DocumentKept):
        said[kept.document_id] = max(said.get(kept.document_id, (0, "")), (order[str(kept.id)], "kept"))
    for one in await dedup.emitted(DocumentDuplicated):
        said[one.document_id] = max(said.get(one.document_id, (0, "")), (order[str(one.id)], one.duplicate_of))
    return {id: verdict for id, (_, verdict) in said.items()}
