"""What is to go: a person asks to be forgotten, a product takes a document back."""

from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest
from harness import START, Running, make, running

from millrace.events import (
    DocumentAccepted,
    DocumentRetired,
    DocumentSubmitted,
    ErasureConfirmed,
    ObservationAccepted,
    ObservationSubmitted,
    SubjectErased,
    WorkspaceConfigured,
)
from millrace.ingestion import erasures
from millrace.ingestion.app import build_app
from millrace.privacy import derived_key, pseudonym
from millrace.stack import Endpoints
from millrace.workspace import load

SECOND = timedelta(seconds=1)
FILE = "workspace: parcels\nowner: team\ntask: classify\nlabels: {names: [late, lost]}\n"


@pytest.fixture
async def ingestion(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "ingestion", build_app) as service:
        spec = load(FILE).plain()
        await service.tables.put(make(WorkspaceConfigured, revision=1, spec=spec, digest="d", by="ada"))
        yield service


def empty(subject: str) -> DocumentSubmitted:
    return make(DocumentSubmitted, source="crm", text="", subject=subject, metadata={})


async def get(ingestion: Running, path: str) -> Any:
    async with ingestion.http() as client:
        return (await client.get(path)).json()


async def ask(ingestion: Running, of: int = 202, key: str | None = None, **body: Any) -> dict[str, Any]:
    async def delivered(tx: Any, *, within: float = 30.0) -> None:
        return None

    ingestion.db.delivered = delivered  # type: ignore[method-assign]  # without a relay nothing leaves the outbox
    headers = {"Idempotency-Key": key} if key else {}
    async with ingestion.http() as client:
        answer = await client.post("/v1/workspaces/parcels/erasures", json={"by": "ada", **body}, headers=headers)
    assert answer.status_code == of, answer.text
    return dict(answer.json())


def confirmed(erasure: str, service: str, **fields: Any) -> ErasureConfirmed:
    return make(ErasureConfirmed, erasure=erasure, service=service, **fields)


async def test_owners_are_told_the_pseudonym_and_the_id_is_kept_nowhere(ingestion: Running) -> None:
    asked = await ask(ingestion, subject="customer-17", by="ada")
    [event] = await ingestion.emitted(SubjectErased)
    key = derived_key(ingestion.service.settings.secret.get_secret_value(), "parcels")
    assert (event.erasure, event.subject) == (asked["erasure"], pseudonym("customer-17", key))
    assert "customer-17" not in repr(await ingestion.snapshot()) + repr(event.body())
    assert (asked["done"], asked["waiting_for"]) == (False, list(erasures.OWNERS))


async def test_the_persons_quarantined_records_go(ingestion: Running) -> None:
    await ingestion.deliver([empty("customer-17"), empty("customer-18")])
    await ask(ingestion, subject="customer-17")
    await ingestion.deliver(await ingestion.emitted(SubjectErased))
    await ingestion.work()
    [event] = await ingestion.emitted(ErasureConfirmed)
    assert (event.service, event.erased) == ("ingestion", {"quarantined": 1})
    assert len(await get(ingestion, "/v1/quarantine?workspace=parcels")) == 1


async def test_what_was_rejected_while_the_erasure_was_on_its_way_goes_too(ingestion: Running) -> None:
    await ask(ingestion, subject="customer-17")
    ingestion.clock.advance(1)
    await ingestion.deliver([empty("customer-17")])
    await ingestion.deliver(await ingestion.emitted(SubjectErased))
    await ingestion.work()
    [event] = await ingestion.emitted(ErasureConfirmed)
    assert event.erased == {"quarantined": 1}


async def test_quarantined_observations_of_the_person_go(ingestion: Running) -> None:
    await ingestion.deliver([nothing_of("customer-17"), nothing_of("ada@example.org"), nothing_of("station-4")])
    for person in ("customer-17", "ada@example.org"):
        await ask(ingestion, subject=person)
    await ingestion.deliver(await ingestion.emitted(SubjectErased))
    await ingestion.work()
    assert [event.erased for event in await ingestion.emitted(ErasureConfirmed)] == [{"quarantined": 1}] * 2
    [left] = await get(ingestion, "/v1/quarantine?workspace=parcels")
    shown = await get(ingestion, f"/v1/quarantine/{left['event_id']}")
    assert shown["record"]["entity"] == "station-4"


def nothing_of(entity: str) -> ObservationSubmitted:
    return make(ObservationSubmitted, source="meters", entity=entity, values={})


async def test_what_was_submitted_before_an_erasure_and_is_read_after_it_is_not_taken_in(ingestion: Running) -> None:
    await ask(ingestion, subject="customer-17")
    await ingestion.deliver(await ingestion.emitted(SubjectErased))
    await ingestion.work()
    fine = make(DocumentSubmitted, source="crm", text="Where is my parcel?", subject="customer-17", metadata={})
    observed = make(ObservationSubmitted, source="meters", entity="customer-17", values={"load": 1.0})
    await ingestion.deliver([fine, empty("customer-17"), observed, empty("customer-18")])
    assert len(await get(ingestion, "/v1/quarantine?workspace=parcels")) == 1
    assert [*await ingestion.emitted(DocumentAccepted), *await ingestion.emitted(ObservationAccepted)] == []
    await ingestion.deliver([make(DocumentSubmitted, at=START + SECOND, **fine.model_dump())])
    assert len(await ingestion.emitted(DocumentAccepted)) == 1


async def test_the_report_is_done_when_every_owner_has_confirmed(ingestion: Running) -> None:
    erasure = (await ask(ingestion, subject="customer-17"))["erasure"]
    said = [confirmed(erasure, owner, erased={"rows": 2}) for owner in erasures.OWNERS if owner != "datasets"]
    await ingestion.deliver([*said, confirmed(erasure, "registry", versions=["parcels-9"])])
    path = f"/v1/workspaces/parcels/erasures/{erasure}"
    assert (await get(ingestion, path))["waiting_for"] == ["datasets"]
    await ingestion.deliver([confirmed(erasure, "datasets", datasets=["3fa9"], dataset_names=["parcels@3"])])
    report = await get(ingestion, path)
    assert (report["done"], report["datasets"], report["versions"]) == (True, ["3fa9"], [])
    assert report["dataset_names"] == ["parcels@3"]
    assert report["owners"][1] == {"service": "dedup", "erased": {"rows": 2}, "at": said[0].occurred_at.isoformat()}
    [listed] = await get(ingestion, "/v1/workspaces/parcels/erasures")
    assert (listed["erasure"], listed["done"]) == (erasure, True)
    assert await get(ingestion, f"/v1/workspaces/parcels/erasures/{erasure[:8]}") == report
    assert (await get(ingestion, "/v1/workspaces/parcels/erasures/00000000"))["error"]["code"] == "erasure_not_found"
    unread = await get(ingestion, "/v1/workspaces/parcels/erasures/none")
    assert "8 or more of its hex digits" in unread["error"]["message"]


async def test_the_same_call_again_asks_once(ingestion: Running) -> None:
    first = await ask(ingestion, key="k-1", subject="customer-17")
    again = await ask(ingestion, key="k-1", subject="customer-17")
    other = await ask(ingestion, key="k-1", subject="customer-18")
    assert first["erasure"] == again["erasure"] != other["erasure"]
    assert len(await get(ingestion, "/v1/workspaces/parcels/erasures")) == 2


async def test_a_document_that_is_taken_back_is_retired_under_the_id_it_was_accepted_with(ingestion: Running) -> None:
    await ingestion.deliver(
        [make(DocumentSubmitted, source="crm", text="Where is it?", document_id="a/1", metadata={})]
    )
    async with ingestion.http() as client:
        answer = await client.delete("/v1/workspaces/parcels/sources/crm/documents/a/1")
        unknown = await client.delete("/v1/workspaces/parcel/sources/crm/documents/a/1")
    [accepted] = await ingestion.emitted(DocumentAccepted)
    [retired] = await ingestion.emitted(DocumentRetired)
    assert (answer.status_code, answer.json()["document_id"]) == (202, accepted.document_id)
    assert (retired.document_id, retired.source, retired.because) == (accepted.document_id, "crm", "withdrawn")
    assert unknown.status_code == 404


async def test_a_call_without_a_person_names_the_field(ingestion: Running) -> None:
    problem = await ask(ingestion, of=422, subject="")
    assert problem["error"]["problems"][0]["field"] == "subject"
