"""The client against the real services, on real Postgres: what it sends is what they take."""

from collections.abc import AsyncIterator
from typing import Any

import httpx
import pytest
from harness import START, Running, make, running

from millrace.client import AsyncClient, NotFound, Refused, Retries, Unreachable, document, feedback
from millrace.events import DocumentAccepted, DocumentRejected, FeedbackRecorded, PredictionServed, WorkspaceConfigured
from millrace.feedback.app import build_app as build_feedback
from millrace.ingestion.app import build_app as build_ingestion
from millrace.serving.app import build_app as build_serving
from millrace.stack import Endpoints
from millrace.workspace import load

SPEC = load(
    "workspace: parcels\nowner: us\ntask: classify\nlabels: {names: [late, lost]}\ndata: {trusted: [golden]}\n"
).plain()


def client_of(service: Running) -> AsyncClient:
    transport = httpx.ASGITransport(app=service.service.app(), raise_app_exceptions=False)
    return AsyncClient("http://test", transport=transport, retries=Retries(attempts=2, first=0.01))


async def declared(service: Running) -> None:
    await service.tables.put(make(WorkspaceConfigured, workspace="parcels", revision=1, spec=SPEC, digest="d", by="us"))


@pytest.fixture
async def ingestion(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "ingestion", build_ingestion) as service:
        await declared(service)
        yield service


@pytest.fixture
async def told(stack: Endpoints) -> AsyncIterator[Running]:
    async with running(stack, "feedback", build_feedback) as service:
        await declared(service)
        yield service


async def test_documents_arrive_as_they_were_published(ingestion: Running) -> None:
    async with client_of(ingestion) as millrace:
        receipts = await millrace.publish(
            document("parcels", "My parcel is late, mail jo@example.com", source="crm", label="late", time=START),
            document("parcels", "It never came at all", source="golden", label="lost", suite="golden", time=START),
            document("parcels", "", source="crm", label="lost", time=START),
        )
    assert [receipt.outcome for receipt in receipts] == ["accepted", "accepted", "rejected"]
    assert receipts[2].reasons[0]["code"] == "empty"
    one, other = await ingestion.emitted(DocumentAccepted)
    assert (one.text, one.label, one.masked) == ("My parcel is late, mail [EMAIL]", "late", {"email": 1})
    assert (other.suite, other.trusted) == ("golden", True)
    assert len(await ingestion.emitted(DocumentRejected)) == 1


async def test_publishing_again_under_the_same_id_counts_once(ingestion: Running) -> None:
    event = document("parcels", "My parcel is a week late", source="crm", label="late", time=START)
    async with client_of(ingestion) as millrace:
        first = await millrace.publish(event)
        second = await millrace.publish(event)
    assert [receipt.outcome for receipt in (*first, *second)] == ["accepted", "repeated"]
    assert len(await ingestion.emitted(DocumentAccepted)) == 1


async def test_events_of_a_workspace_that_is_not_there_come_back_with_the_nearest(ingestion: Running) -> None:
    async with client_of(ingestion) as millrace:
        (receipt,) = await millrace.publish(document("parcel", "My parcel is a week late", source="crm"))
    assert not receipt.taken
    assert "parcels" in receipt.reasons[0]["expected"]


async def test_a_publisher_delivers_everything_in_order(ingestion: Running) -> None:
    async with client_of(ingestion) as millrace, millrace.publisher(size=7, within=0.05) as out:
        for number in range(40):
            await out.add(document("parcels", f"Parcel number {number} is late", source="crm", time=START))
    accepted = await ingestion.emitted(DocumentAccepted)
    assert [event.text.split()[2] for event in accepted] == [str(number) for number in range(40)]


async def test_feedback_joins_the_prediction_that_it_names(told: Running) -> None:
    served = make(
        PredictionServed,
        lane=0,
        request_id="r-1",
        prediction_id="p-1",
        version="parcels-1",
        arm="production",
        revision=1,
        text="where is it?",
        latency_ms=5.0,
        tokens=3,
        label="late",
        probability=0.8,
    )
    await told.deliver([served])
    label = feedback("parcels", "label", "lost", source="agent", request_id="r-1", time=START)
    rating = feedback(
        "parcels", "rating", -1.0, source="customer", prediction_id="p-1", basis="shown", actor="c-9", time=START
    )
    async with client_of(told) as millrace:
        await millrace.feedback(label, rating)
        await millrace.feedback(label)
    recorded = {event.kind: event for event in await told.emitted(FeedbackRecorded)}
    assert (recorded["label"].feedback_id, recorded["label"].correct) == (label.id, False)
    assert (recorded["rating"].value, recorded["rating"].basis) == (-1.0, "shown")
    assert len(await told.emitted(FeedbackRecorded)) == 2


async def test_feedback_that_breaks_the_rules_is_refused_with_the_field(told: Running) -> None:
    wrong: dict[str, Any] = {"source": "customer", "prediction_id": "p-1"}
    async with client_of(told) as millrace:
        with pytest.raises(Refused, match="rating") as caught:
            await millrace.feedback(feedback("parcels", "rating", 7.0, **wrong))
        with pytest.raises(NotFound):
            await millrace.feedback(feedback("parcel", "rating", 1.0, **wrong))
    assert caught.value.status == 422


async def test_a_workspace_without_a_model_is_not_the_same_as_one_that_is_not_there(stack: Endpoints) -> None:
    async with running(stack, "serving", build_serving) as serving:
        await declared(serving)
        async with client_of(serving) as millrace:
            with pytest.raises(Unreachable, match="503"):
                await millrace.predict("parcels", "Where is it?")
