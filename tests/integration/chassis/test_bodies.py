"""Bodies that travel by reference: S3 has them as long as their topic, and no longer than their person wants."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from contextlib import asynccontextmanager
from datetime import timedelta
from typing import Any

import pytest
from harness import START, Running, make, record

from millrace.chassis import Blobs, Table, Transaction, Unavailable, handles, wire
from millrace.chassis.bodies import INLINE, Bodies
from millrace.chassis.intake import Intake
from millrace.chassis.telemetry import GONE
from millrace.events import (
    DocumentAccepted,
    DocumentSubmitted,
    ErasureConfirmed,
    Event,
    ModelEvaluated,
    ObservationAccepted,
    Origin,
    SubjectErased,
    WorkspaceConfigured,
)
from millrace.privacy import derived_key, pseudonym

HOUR, DAY = timedelta(hours=1), timedelta(days=1)
LONG = "long " * (INLINE // 4)
PERSON, OTHER = "p-" + "1" * 32, "p-" + "2" * 32

Put = Callable[[Event], Awaitable[str]]


def accepted(name: str = "d-1", text: str = LONG, **fields: Any) -> DocumentAccepted:
    origin = Origin(topic="t", event_id=name)
    return make(DocumentAccepted, document_id=name, source="s", text=text, trusted=True, origin=origin, **fields)


def erased(after: timedelta = HOUR, subject: str = PERSON, **fields: Any) -> SubjectErased:
    return make(SubjectErased, erasure="e-1", subject=subject, at=START + after, **fields)


async def put(probe: Running, event: Event, blobs: Blobs | None = None) -> str:
    """As the relay does."""
    headers = wire.headers_of(event, "probe", None)
    return await Bodies(probe.db, blobs or probe.service.blobs).put(event.topic, headers, event.body())


def referred(event: Event, name: str, offset: int) -> wire.Received:
    sent = record(event, partition=0, offset=offset)
    return wire.Received(
        sent.topic,
        0,
        offset,
        sent.timestamp,
        sent.key,
        b"",
        [*sent.headers, (wire.DATA_REFERENCE, name.encode("utf-8", "surrogateescape"))],
    )


class Reader:
    """A handler that knows what it was given."""

    def __init__(self, probe: Running, blobs: Blobs | None = None) -> None:
        self.given: list[str] = []

        @handles(DocumentAccepted)
        async def on_document_accepted(events: Sequence[DocumentAccepted], tx: Transaction) -> None:
            self.given += [event.document_id for event in events]

        self.intake = Intake(on_document_accepted, probe.db, blobs or probe.service.blobs)

    @property
    def gone(self) -> float:
        return GONE.labels(self.intake.consumer)._value.get()


async def forget(probe: Running, event: SubjectErased) -> ErasureConfirmed:
    await probe.deliver([event])
    await probe.work("erase")
    return (await probe.emitted(ErasureConfirmed))[-1]


async def test_bodies_that_name_a_person_go_with_the_person_and_are_counted(probe: Running) -> None:
    theirs = [await put(probe, accepted(f"d-{n}", subject=PERSON)) for n in range(3)]
    others = [
        await put(probe, accepted("d-4", subject=OTHER)),
        await put(probe, accepted("d-5")),
        await put(probe, accepted("d-6", subject=PERSON, workspace="nobody-s")),
        await put(probe, accepted("d-7", subject=PERSON, at=START + 2 * HOUR)),
    ]
    confirmed = await forget(probe, erased())
    assert confirmed.erased == {"bodies": 3}
    assert not any([await probe.service.blobs.exists(name) for name in theirs])
    assert all([await probe.service.blobs.exists(name) for name in others]), "others', and what was known later"


async def test_an_entity_that_is_a_person_is_found_by_the_id_that_observations_call_it(probe: Running) -> None:
    key = derived_key(probe.db.settings.secret.get_secret_value(), "parcels")
    values = {f"note {number}": LONG[:2000] for number in range(100)}
    name = await put(probe, make(ObservationAccepted, lane=0, source="s", entity="customer-17", values=values))
    assert (await forget(probe, erased(subject=pseudonym("customer-17", key)))).erased == {"bodies": 1}
    assert not await probe.service.blobs.exists(name)
    assert "customer-17" not in str((await probe.snapshot())["bodies"])


async def test_a_reader_gets_past_records_whose_bodies_are_gone_and_counts_them(probe: Running) -> None:
    events = [accepted("a", subject=PERSON), accepted("b", text="short", subject=OTHER), accepted("c", subject=OTHER)]
    names = [await put(probe, event) for event in events]
    records = [referred(events[0], names[0], 0), record(events[1], partition=0, offset=1)]
    records.append(referred(events[2], names[2], 2))
    early = Reader(probe)
    await early.intake.process(records)
    assert early.given == ["a", "b", "c"]
    await forget(probe, erased())
    await probe.db.pool.execute("DELETE FROM positions")
    await probe.db.pool.execute("DELETE FROM inbox")
    before, again = early.gone, Reader(probe)
    assert await again.intake.process(records) == 2
    assert (again.given, again.gone - before, await probe.dead_letters()) == (["b", "c"], 1, [])
    await again.intake.process(records)
    assert again.given == ["b", "c"], "its position is beyond them"


async def test_a_body_goes_when_its_topics_retention_has_passed(probe: Running) -> None:
    name = await put(probe, accepted())
    probe.clock.advance(DAY.total_seconds())
    later = await put(probe, accepted("d-2"))
    probe.clock.advance((6 * DAY).total_seconds() - 1)
    await probe.service.bodies.sweep()
    assert await probe.service.blobs.exists(name)
    probe.clock.advance(1)
    await probe.service.bodies.sweep()
    assert not await probe.service.blobs.exists(name)
    assert await probe.service.blobs.exists(later)
    reader = Reader(probe)
    await reader.intake.process([referred(accepted(), name, 0), referred(accepted("d-2"), later, 1)])
    assert (reader.given, await probe.dead_letters()) == (["d-2"], [])


async def test_a_sweep_takes_all_that_is_due_some_at_a_time(probe: Running, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("millrace.chassis.bodies.STEP", 2)
    names = [await put(probe, accepted(f"d-{n}")) for n in range(5)]
    probe.clock.advance((8 * DAY).total_seconds())
    await probe.service.bodies.sweep()
    assert not any([await probe.service.blobs.exists(name) for name in names])
    assert (await probe.snapshot())["bodies"] == []


async def test_what_a_ledger_keeps_for_ever_is_never_due(probe: Running) -> None:
    scores = {"fields": {"reason": LONG}}
    event = make(WorkspaceConfigured, revision=1, spec=scores, digest="d", by="ada")
    name = await put(probe, event)
    probe.clock.advance((400 * DAY).total_seconds())
    await probe.service.bodies.sweep()
    assert await probe.service.blobs.exists(name)
    assert ModelEvaluated.people == WorkspaceConfigured.people == ()


async def test_what_was_known_before_an_erasure_and_is_published_after_it_leaves_no_body(probe: Running) -> None:
    await forget(probe, erased())
    name = await put(probe, accepted(subject=PERSON))
    assert not await probe.service.blobs.exists(name)
    assert await probe.service.blobs.exists(await put(probe, accepted("d-2", subject=PERSON, at=START + 2 * HOUR)))


class Slow(Blobs):
    """Writes when it is told to."""

    def __init__(self, probe: Running) -> None:
        super().__init__(probe.db.settings)
        self.asked, self.going = asyncio.Event(), asyncio.Event()

    async def put(self, key: str, data: bytes) -> None:
        self.asked.set()
        await self.going.wait()
        await super().put(key, data)


async def test_a_body_that_is_written_while_its_person_is_forgotten_is_taken_back(probe: Running) -> None:
    slow = Slow(probe)
    putting = asyncio.create_task(put(probe, accepted(subject=PERSON), slow))
    await slow.asked.wait()
    assert (await forget(probe, erased())).erased == {"bodies": 1}
    slow.going.set()
    assert not await probe.service.blobs.exists(await putting)


async def test_while_s3_is_away_records_wait_and_an_erasure_is_not_confirmed(probe: Running) -> None:
    event = accepted(subject=PERSON)
    name = await put(probe, event)
    async with away(probe) as blobs:
        reader = Reader(probe, blobs)
        with pytest.raises(Unavailable):
            await reader.intake.process([referred(event, name, 0)])
        await probe.deliver([erased()])
        await probe.work("erase")
        assert await probe.emitted(ErasureConfirmed) == []
    probe.clock.advance(60)
    await probe.work("erase")
    [confirmed] = await probe.emitted(ErasureConfirmed)
    assert (confirmed.erased, await probe.service.blobs.exists(name)) == ({"bodies": 1}, False)


@asynccontextmanager
async def away(probe: Running) -> AsyncIterator[Blobs]:
    """S3 at an address where nobody answers, for whoever asks the settings now."""
    url, probe.db.settings.s3_url = probe.db.settings.s3_url, "http://127.0.0.1:9"
    try:
        yield Blobs(probe.db.settings)
    finally:
        probe.db.settings.s3_url = url


@pytest.mark.parametrize("name", ["parcels/datasets/1.json", "bodies/document.kept.v1/1", "bodies/\udcff"])
async def test_a_reference_to_what_no_body_of_the_topic_is_becomes_a_dead_letter(probe: Running, name: str) -> None:
    reader = Reader(probe)
    await reader.intake.process([referred(accepted("a"), name, 0), record(accepted("b"), partition=0, offset=1)])
    [reason] = await probe.dead_letters()
    assert reason.startswith("ce_dataref: ") and reader.given == ["b"]


async def test_a_product_can_refer_to_nothing(probe: Running) -> None:
    given = make(DocumentSubmitted, source="crm", text="x")
    await probe.service.blobs.put("bodies/document.submitted.v1/1", given.body())
    await probe.deliver_records([referred(given, "bodies/document.submitted.v1/1", 0)])
    await probe.deliver_records([referred(given, "https://crm.example/1", 1), record(given, partition=0, offset=2)])
    assert [reason.partition(":")[0] for reason in await probe.dead_letters()] == ["ce_dataref"] * 2
    assert len(await probe.emitted(DocumentAccepted)) == 1


async def test_a_table_reads_a_row_that_travels_by_reference(probe: Running) -> None:
    event = make(WorkspaceConfigured, revision=1, spec={"owner": LONG}, digest="d", by="ada")
    table: Table[WorkspaceConfigured] = Table(WorkspaceConfigured, probe.db.settings)
    await table._take(referred(event, await put(probe, event), 0))
    known = table.now("parcels")
    assert known is not None and known.spec == {"owner": LONG}
