"""Every topic, read whole.

What counts are distinct ids, ordered by their first occurrence: a relay killed between publishing and deleting
publishes again, and inboxes drop the second.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import TypeVar
from uuid import UUID

from aiokafka import AIOKafkaConsumer, TopicPartition

from millrace.chassis import wire
from millrace.events import Event

E = TypeVar("E", bound=Event)
FLOW = json.loads(Path(__file__).parents[2].joinpath("contracts", "flow.json").read_text())


@dataclass
class Seen:
    """A topic as it stands: events with their (partition, offset) by first occurrence, and where its data ends."""

    events: dict[UUID, Event] = field(default_factory=dict)
    places: dict[UUID, tuple[int, int]] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)

    def take(self, event: Event, partition: int, offset: int) -> None:
        self.ends[partition] = offset + 1
        if event.id not in self.events:
            self.events[event.id] = event
            self.places[event.id] = (partition, offset)


class Log:
    """The topics by name."""

    def __init__(self) -> None:
        self.topics = {topic: Seen() for topic in FLOW["topics"]}

    def of(self, event: type[E]) -> list[E]:
        """The distinct events of a class, in the order of the log."""
        return list(self.topics[event.topic].events.values())  # type: ignore[arg-type]


async def read_log(kafka: str) -> Log:
    log = Log()
    consumer = AIOKafkaConsumer(bootstrap_servers=kafka, isolation_level="read_committed", auto_offset_reset="earliest")
    await consumer.start()
    try:
        for topic, seen in log.topics.items():
            await _read(consumer, topic, seen)
    finally:
        await consumer.stop()
    return log


async def _read(consumer: AIOKafkaConsumer, topic: str, seen: Seen) -> None:
    cluster = await consumer._client.fetch_all_metadata()
    places = [TopicPartition(topic, number) for number in cluster.partitions_for_topic(topic)]
    consumer.assign(places)
    await consumer.seek_to_beginning(*places)
    ends = await consumer.end_offsets(places)
    while any([await consumer.position(place) < ends[place] for place in places]):
        for records in (await consumer.getmany(timeout_ms=200)).values():
            for record in records:
                seen.take(wire.decode(Event.by_topic[topic], record), record.partition, record.offset)
