"""The relay between Postgres and Kafka: whose rows it takes, in which order, and who may publish them."""

import asyncio
from typing import Any

import asyncpg
import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import ProducerFenced
from harness import Bus, Running, eventually, make

from millrace.chassis import relay
from millrace.chassis.relay import Relay
from millrace.events import DocumentAccepted, Origin


def accepted(name: str) -> DocumentAccepted:
    origin = Origin(topic="t", event_id=name)
    return make(DocumentAccepted, document_id=name, source="s", text="t", trusted=True, origin=origin)


async def emit(probe: Running, name: str) -> None:
    async with probe.db.transaction(emits=[DocumentAccepted]) as tx:
        tx.emit(accepted(name))


class Watched(Relay):
    """A relay whose looks are seen, and which may be held with rows in hand, as a process that is suspended."""

    def __init__(self, probe: Running) -> None:
        super().__init__(probe.db.settings, probe.db, probe.service.blobs)
        self.looks: list[int] = []
        self.fenced = False
        self.in_hand = asyncio.Event()
        self.going = asyncio.Event()
        self.going.set()

    async def _publish(self, producer: AIOKafkaProducer) -> int:
        try:
            published = await super()._publish(producer)
        except ProducerFenced:
            self.fenced = True
            raise
        self.looks.append(published)
        return published

    async def _record(self, row: asyncpg.Record) -> Any:
        self.in_hand.set()
        await self.going.wait()
        return await super()._record(row)


async def test_a_relay_whose_lease_was_taken_is_fenced_before_it_publishes(probe: Running, bus: Bus) -> None:
    zombie, successor = Watched(probe), Watched(probe)
    try:
        zombie.going.clear()
        await emit(probe, "once")
        await zombie.start()
        await zombie.in_hand.wait()
        await probe.db.pool.execute("UPDATE leases SET until = clock_timestamp()")
        await successor.start()
        await eventually(lambda: sum(successor.looks) == 1)
        zombie.going.set()
        await eventually(lambda: zombie.fenced)
        await emit(probe, "last")
        found = await bus.read(DocumentAccepted, until=lambda events: events[-1:] == [accepted("last")])
        assert [event.document_id for event in found] == ["once", "last"]
    finally:
        await zombie.stop()
        await successor.stop()


async def test_what_commits_late_under_a_lower_number_is_waited_for(probe: Running, bus: Bus) -> None:
    watched = Watched(probe)
    try:
        async with probe.db.transaction(emits=[DocumentAccepted]) as early:
            early.emit(accepted("early"))
            await early.flush()
            await emit(probe, "late")
            await watched.start()
            await eventually(lambda: len(watched.looks) >= 3)
            assert not any(watched.looks)
        found = await bus.read(DocumentAccepted, until=lambda events: len(events) >= 2)
        assert [event.document_id for event in found] == ["early", "late"]
    finally:
        await watched.stop()


async def test_the_relay_waits_for_every_replica_of_a_partition(
    probe: Running, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[dict[str, Any]] = []

    class Producer(AIOKafkaProducer):  # type: ignore[misc]
        def __init__(self, **how: Any) -> None:
            asked.append(how)
            super().__init__(**how)

    monkeypatch.setattr(relay, "AIOKafkaProducer", Producer)
    watched = Watched(probe)
    try:
        await watched.start()
        await eventually(lambda: watched.looks)
    finally:
        await watched.stop()
    assert [(how["acks"], how["transactional_id"]) for how in asked] == [("all", "probe.relay")]


async def test_a_relay_does_not_pace_itself_while_a_caller_waits(
    probe: Running, bus: Bus, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(relay, "PACE", 3600.0)
    paced = Watched(probe)
    await paced.start()
    try:
        await emit(probe, "first")
        await eventually(lambda: sum(paced.looks) == 1)
        async with probe.db.transaction(emits=[DocumentAccepted]) as tx:
            tx.emit(accepted("second"))
        await probe.db.delivered(tx, within=20)
        assert sum(paced.looks) == 2
    finally:
        await paced.stop()
