"""Sources as tests declare and run them."""

from collections import Counter
from typing import Any
from uuid import uuid4

from harness import Running, eventually, make

from millrace.events import DocumentAccepted, DocumentRetired, WorkspaceConfigured
from millrace.ingestion.declaring import Declaring
from millrace.workspace import Workspace

SPEC = {"workspace": "parcels", "owner": "team", "task": "classify", "labels": {"names": ["late", "lost"]}}
WINDOW = "UPDATE jobs SET lease_until = now() - interval '1 second' WHERE state = 'running'"


async def declare(service: Running, sources: dict[str, Any], **data: Any) -> Workspace:
    """Declares the workspace with sources, and waits for what follows from that."""
    spec = Workspace.model_validate({**SPEC, "sources": sources, "data": data})
    event = make(
        WorkspaceConfigured, workspace="parcels", revision=1, spec=spec.plain(), digest=spec.digest(), by=str(uuid4())
    )
    await service.tables.put(event)
    (declaring,) = (one for one in service.service.resources if isinstance(one, Declaring))
    await declaring.declare("parcels", spec)
    # its loop does the same: a run's job that it looks at is passed over by a worker that looks meanwhile
    await eventually(lambda: not declaring._changed)
    return spec


async def ask(service: Running, source: str = "help") -> int:
    """Asks for a run now; its number."""
    async with service.http() as client:
        answer = await client.post(f"/v1/workspaces/parcels/sources/{source}/runs", json={"by": "ada"})
    assert answer.status_code == 202, answer.text
    return int(answer.json()["run"])


async def report(service: Running, run: int, source: str = "help") -> dict[str, Any]:
    async with service.http() as client:
        answer = await client.get(f"/v1/workspaces/parcels/sources/{source}/runs/{run}")
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


async def run(service: Running, source: str = "help") -> dict[str, Any]:
    """Runs a source now and gives the report. A minute passes first, as revisions are told apart by time."""
    service.clock.advance(60)
    number = await ask(service, source)
    await service.work("fetch")
    return await report(service, number, source)


async def lapse(service: Running) -> None:
    """What a dead worker held is claimed again."""
    async with service.db.transaction() as tx:
        await tx.execute(WINDOW)


async def texts(service: Running) -> Counter[str]:
    """What was accepted, by text."""
    return Counter(event.text for event in await service.emitted(DocumentAccepted))


async def retired(service: Running) -> list[DocumentRetired]:
    return await service.emitted(DocumentRetired)


def codes(found: dict[str, Any]) -> dict[str, str]:
    """What a run could not take: the reason by item."""
    return {one["item"]: one["code"] for one in found["troubles"]}
