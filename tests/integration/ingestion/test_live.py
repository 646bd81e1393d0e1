"""Ingestion on real Kafka: from a product's record, or a call, to an accepted document on its topic."""

import json
from typing import Any

from harness import Bus, Running, eventually, live, make

from millrace.events import DocumentAccepted, DocumentSubmitted, WorkspaceConfigured
from millrace.ingestion.app import build_app
from millrace.stack import Endpoints
from millrace.workspace import load

SPEC = load("workspace: intake\nowner: team\ntask: classify\nlabels: {names: [late, lost]}")


async def test_records_and_calls_become_accepted_documents(stack: Endpoints, bus: Bus) -> None:
    async with live(stack, "ingestion", build_app) as ingestion:
        await _configure(bus)
        await eventually(lambda: _ready(ingestion))
        await bus.publish(
            *(
                make(DocumentSubmitted, workspace="intake", source="crm", text=f"Parcel {n} is late", metadata={})
                for n in range(500)
            )
        )
        told = await _post(ingestion)
        assert told["accepted"] == 1
        accepted = await bus.read(DocumentAccepted, until=lambda found: len(found) >= 501)
    assert len(accepted) == len({one.document_id for one in accepted}) == 501
    assert {one.key for one in accepted} == {"intake"}


async def test_a_workspace_declared_a_moment_ago_is_known(stack: Endpoints, bus: Bus) -> None:
    async with live(stack, "ingestion", build_app) as ingestion:
        await eventually(lambda: _ready(ingestion))
        await _configure(bus)
        assert (await _post(ingestion))["accepted"] == 1


async def _configure(bus: Bus) -> None:
    await bus.publish(
        make(WorkspaceConfigured, workspace="intake", revision=1, spec=SPEC.plain(), digest=SPEC.digest(), by="ada")
    )


async def _ready(ingestion: Running) -> bool:
    return not await ingestion.service.missing()


async def _post(ingestion: Running) -> dict[str, Any]:
    body = {"workspace": "intake", "source": "crm", "text": "Where is my parcel?"}
    event = {"specversion": "1.0", "id": "h-1", "source": "shop", "type": "document.submitted.v1", "data": body}
    async with ingestion.http() as client:
        answer = await client.post(
            "/v1/events", content=json.dumps(event), headers={"content-type": "application/cloudevents+json"}
        )
    assert answer.status_code == 202, answer.text
    told: dict[str, Any] = answer.json()
    return told
