"""Reads every topic and every service's tables and says what was lost, counted twice or put out of order.

What counts are distinct ids, ordered by their first occurrence: a relay killed between publishing and deleting
publishes again, and inboxes drop the second.
"""

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any
from uuid import UUID

import asyncpg
from aiokafka import AIOKafkaConsumer, TopicPartition

from millrace.chassis import wire
from millrace.events import Event

FLOW = json.loads(Path(__file__).parents[2].joinpath("contracts", "flow.json").read_text())


@dataclass
class Seen:
    """A topic as it stands: events by first occurrence in each partition's order, and where its data ends."""

    events: dict[UUID, Event] = field(default_factory=dict)
    places: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    repeated: int = 0


class Log:
    """Every topic, read whole."""

    def __init__(self) -> None:
        self.topics: dict[str, Seen] = {}

    def events(self, topic: str) -> dict[UUID, Event]:
        return self.topics[topic].events

    @classmethod
    async def read(cls, kafka: str) -> "Log":
        log = cls()
        consumer = AIOKafkaConsumer(
            bootstrap_servers=kafka, isolation_level="read_committed", auto_offset_reset="earliest"
        )
        await consumer.start()
        try:
            for topic in FLOW["topics"]:
                log.topics[topic] = await _topic(consumer, topic)
        finally:
            await consumer.stop()
        return log


async def _topic(consumer: AIOKafkaConsumer, topic: str) -> Seen:
    partitions = await consumer._client.fetch_all_metadata()
    places = [TopicPartition(topic, number) for number in partitions.partitions_for_topic(topic)]
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    ends = await consumer.end_offsets(places)
    seen = Seen()
    while any([await consumer.position(place) < ends[place] for place in places]):
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                event = wire.decode(Event.by_topic[topic], record)
                seen.ends[record.partition] = record.offset + 1
                if event.id in seen.events:
                    seen.repeated += 1
                    continue
                seen.events[event.id] = event
                seen.places[event.id] = (record.partition, record.offset)
    return seen


async def problems(kafka: str, postgres: str) -> list[str]:
    """Everything that is not as it was promised; empty where all is well."""
    log = await Log.read(kafka)
    connection = await asyncpg.connect(postgres)
    try:
        found = [problem async for problem in _tables(log, connection)]
    finally:
        await connection.close()
    return found + list(_consequences(log)) + list(_order(log))


async def _tables(log: Log, connection: asyncpg.Connection) -> Any:
    for service, told in FLOW["services"].items():
        if left := await connection.fetchval(f"SELECT count(*) FROM {service}.outbox"):
            yield f"{service}: {left} events still in its outbox"
        for row in await connection.fetch(f"SELECT handler, reason FROM {service}.dead_letters LIMIT 5"):
            yield f"{service}: a dead letter of {row['handler']}: {row['reason']}"
        for topic in told["eats"]:
            async for problem in _consumed(log, connection, service, topic):
                yield problem
    for name, count in _counts(log).items():
        kept = await connection.fetchval(COUNTS[name])
        if kept != count:
            yield f"{name}: the tables say {kept}, the log {count}"


async def _consumed(log: Log, connection: asyncpg.Connection, service: str, topic: str) -> Any:
    """Each event of a topic is in the inbox of its handler, once, and the position is at the end of the data."""
    seen = log.topics[topic]
    handler = "on_" + topic.removesuffix(".v1").replace(".", "_")
    known = await connection.fetch(
        f"SELECT id, count(*) AS n FROM {service}.inbox WHERE consumer = $1 GROUP BY id", handler
    )
    ids = {row["id"]: row["n"] for row in known}
    if lost := [str(id) for id in seen.events if id not in ids]:
        yield f"{service}.{handler}: {len(lost)} of {len(seen.events)} never taken, e.g. {lost[0]}"
    if strange := [str(id) for id in ids if id not in seen.events]:
        yield f"{service}.{handler}: took {len(strange)} that are not on the topic, e.g. {strange[0]}"
    positions = await connection.fetch(
        f"SELECT partition, next_offset FROM {service}.positions WHERE consumer = $1 AND topic = $2", handler, topic
    )
    reached = {row["partition"]: row["next_offset"] for row in positions}
    for partition, end in seen.ends.items():
        if reached.get(partition) != end:
            yield f"{service}.{handler}: partition {partition} read to {reached.get(partition)} of {end}"


COUNTS = {
    "accepted documents": "SELECT coalesce(sum(accepted), 0)::bigint FROM ingestion.sources",
    "kept rows": "SELECT count(*) FROM datasets.rows",
    "kept documents": "SELECT coalesce(sum(kept), 0)::bigint FROM dedup.corpora",
    "repeated documents": "SELECT coalesce(sum(exact + near), 0)::bigint FROM dedup.corpora",
    "joined feedback": "SELECT count(*) FROM feedback.joined",
}


def _counts(log: Log) -> dict[str, int]:
    return {
        "accepted documents": len(log.events("document.accepted.v1")),
        "kept rows": len(log.events("document.kept.v1")),
        "kept documents": len(log.events("document.kept.v1")),
        "repeated documents": len(log.events("document.duplicated.v1")),
        "joined feedback": len(log.events("feedback.recorded.v1")),
    }


CONSEQUENCES = [
    (["document.submitted.v1", "interaction.logged.v1"], ["document.accepted.v1", "document.rejected.v1"]),
    (["document.accepted.v1"], ["document.kept.v1", "document.duplicated.v1"]),
]


def _consequences(log: Log) -> Iterator[str]:
    """Each cause has exactly one distinct effect."""
    for causes, effects in CONSEQUENCES:
        causing = {id for topic in causes for id in log.events(topic)}
        counted = Counter(
            event.envelope.cause_id
            for topic in effects
            for event in log.events(topic).values()
            if event.envelope.cause_id in causing
        )
        if lost := len(causing) - len(counted):
            yield f"{' and '.join(causes)}: {lost} of {len(causing)} had no effect"
        if twice := [id for id, number in counted.items() if number > 1]:
            yield f"{' and '.join(causes)}: {len(twice)} had more than one effect, e.g. {twice[0]}"


def _order(log: Log) -> Iterator[str]:
    """Effects come in the order of their causes, per key."""
    for cause, effect in [
        ("document.submitted.v1", "document.accepted.v1"),
        ("document.accepted.v1", "document.kept.v1"),
    ]:
        places, last = log.topics[cause].places, dict[str, tuple[UUID, int]]()
        for event in log.events(effect).values():
            cause_id = event.envelope.cause_id
            if cause_id not in places:
                continue
            offset = places[cause_id][1]
            before = last.get(event.key)
            if before and before[1] > offset:
                yield f"{effect}: key {event.key}: {event.id} overtook {before[0]}"
                break
            last[event.key] = (event.id, offset)
