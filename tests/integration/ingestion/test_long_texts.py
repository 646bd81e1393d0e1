"""A text too long for Kafka's records, from its submission to a dataset's files, and its person forgotten."""

import io
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from typing import Any

import pyarrow.parquet
import pytest
from harness import Bus, Running, eventually, live, make

from millrace.chassis.bodies import INLINE
from millrace.chassis.telemetry import GONE
from millrace.datasets import app as datasets
from millrace.dedup import app as dedup
from millrace.events import DocumentAccepted, DocumentKept, DocumentSubmitted, WorkspaceConfigured
from millrace.ingestion import app as ingestion
from millrace.stack import Endpoints
from millrace.workspace import load

FILE = "workspace: parcels\nowner: team\ntask: classify\nlabels: {names: [late, lost]}\n"
ADA, BOB = "ada@lovelace", "bob@babbage"
ADAS = "Parcel {} of my order holds the orrery of brass, and it is late again."
BOBS = "Who pays for the difference engine in box {}? It came broken and wet, and nobody answers."


def long(sentence: str, who: str) -> DocumentSubmitted:
    """As long as ingestion takes texts and metadata."""
    told = " ".join(sentence.format(number) for number in range(200))
    notes = {f"note {number}": f"{number}. {told[:1900]}" for number in range(40)}
    return make(DocumentSubmitted, source="crm", text=told, label="late", subject=who, metadata=notes)


def short(number: int, who: str) -> DocumentSubmitted:
    text = f"Order {number * 7919} is {['late', 'lost', 'broken', 'wet'][number]} and nobody answers the telephone"
    return make(DocumentSubmitted, source="crm", text=text, label="late", subject=who, metadata={})


@pytest.fixture
async def services(stack: Endpoints, bus: Bus) -> AsyncIterator[dict[str, Running]]:
    """Those on the way of a document, on Kafka."""
    spec = load(FILE).plain()
    await bus.publish(make(WorkspaceConfigured, revision=1, spec=spec, digest="d", by="ada"))
    async with AsyncExitStack() as running:
        yield {
            "ingestion": await running.enter_async_context(live(stack, "ingestion", ingestion.build_app)),
            "dedup": await running.enter_async_context(live(stack, "dedup", dedup.build_app)),
            "datasets": await running.enter_async_context(live(stack, "datasets", datasets.build_app, part_rows=2)),
        }


async def kept(service: Running) -> int:
    async with service.http() as client:
        answer = await client.get("/v1/counts", params={"workspace": "parcels"})
    return int(answer.json().get("kept", 0)) if answer.status_code == 200 else 0


async def are_kept(service: Running, number: int) -> bool:
    return await kept(service) == number


async def held(service: Running, words: str) -> list[str]:
    """Every blob of the bucket that holds some words."""
    blobs = service.service.blobs
    return [name async for name in blobs.each("") if words in told(name, await blobs.get(name))]


def told(name: str, data: bytes) -> str:
    if name.endswith(".parquet"):
        return str(pyarrow.parquet.read_table(io.BytesIO(data)).to_pylist())
    return data.decode(errors="replace")


async def test_a_forgotten_persons_long_text_is_in_no_blob_and_readers_get_past_it(
    services: dict[str, Running], stack: Endpoints, bus: Bus
) -> None:
    documents = [long(ADAS, ADA), long(BOBS, BOB), *(short(n, BOB) for n in range(4))]
    assert all(len(event.body()) > INLINE for event in documents[:2])
    await bus.publish(*documents)
    await eventually(lambda: are_kept(services["datasets"], 6))

    async def files() -> set[str]:
        return {name.partition("/")[0] for name in await held(services["datasets"], "orrery")}

    await eventually(lambda: _equal(files(), {"bodies", "parcels"}))
    bodies = [name for name in await held(services["datasets"], "orrery") if name.startswith("bodies/")]
    assert {name.split("/")[1] for name in bodies} == {DocumentAccepted.topic, DocumentKept.topic}
    report = await forgotten(services["ingestion"], ADA)
    assert report["ingestion"]["bodies"] == report["dedup"]["bodies"] == 1
    assert report["datasets"]["rows"] == report["dedup"]["documents"] == 1
    assert await held(services["datasets"], "orrery") == []
    assert len(await held(services["datasets"], "difference engine")) >= 3
    counted = {name: passed(name) for name in ("on_document_accepted", "on_document_kept")}
    async with live(stack, "dedup", dedup.build_app) as again, live(stack, "datasets", datasets.build_app) as anew:
        await eventually(lambda: are_kept(again, 5))
        await eventually(lambda: are_kept(anew, 5))
        await eventually(lambda: all(passed(name) == before + 1 for name, before in counted.items()))
        assert [await one.dead_letters() for one in (again, anew)] == [[], []]


def passed(handler: str) -> float:
    return GONE.labels(handler)._value.get()


async def forgotten(service: Running, who: str) -> dict[str, Any]:
    """What each of the three has erased, once all have confirmed."""
    async with service.http() as client:
        asked = (await client.post("/v1/workspaces/parcels/erasures", json={"subject": who, "by": "ada"})).json()

        async def confirmed() -> dict[str, Any] | None:
            report = (await client.get(f"/v1/workspaces/parcels/erasures/{asked['erasure']}")).json()
            owners = {one["service"]: one["erased"] for one in report["owners"]}
            return owners if {"ingestion", "dedup", "datasets"} <= set(owners) else None

        return dict(await eventually(confirmed))


async def _equal(given: Any, wanted: Any) -> bool:
    return bool(await given == wanted)
