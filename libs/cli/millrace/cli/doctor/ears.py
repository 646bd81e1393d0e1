"""Listens to every topic for what follows from the probe."""

import asyncio
import json
import time
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from aiokafka import AIOKafkaConsumer


@dataclass(frozen=True)
class Heard:
    """One record that names the probe's workspace."""

    topic: str
    partition: int
    offset: int
    id: str
    cause: str
    cycle: str
    body: dict[str, Any]


class Ears:
    """A consumer without a group, from the topics' ends as they were at `start`; committed records only."""

    def __init__(self, kafka: str, topics: Collection[str], workspace: str) -> None:
        self._kafka, self._topics, self._workspace = kafka, topics, workspace.encode()
        self.heard: list[Heard] = []
        self._consumer: AIOKafkaConsumer | None = None
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Begin to listen. Raises aiokafka's KafkaError."""
        from aiokafka import AIOKafkaConsumer, TopicPartition

        self._consumer = consumer = AIOKafkaConsumer(
            bootstrap_servers=self._kafka, isolation_level="read_committed", enable_auto_commit=False
        )
        await consumer.start()
        places = []
        for topic in self._topics:
            await consumer._client.add_topic(topic)
        for topic in self._topics:
            places += [TopicPartition(topic, number) for number in consumer.partitions_for_topic(topic) or ()]
        consumer.assign(places)
        await consumer.seek_to_end(*places)
        for place in places:
            await consumer.position(place)
        self._task = asyncio.create_task(self._listen(consumer))

    async def stop(self) -> None:
        """Stop listening."""
        if self._task:
            self._task.cancel()
        if self._consumer:
            await self._consumer.stop()

    async def wait(self, wanted: Callable[[Heard], bool], patience: float) -> Heard | None:
        """Return the first record that is wanted, None when none came in `patience` seconds."""
        deadline = time.monotonic() + patience
        while True:
            for record in self.heard:
                if wanted(record):
                    return record
            if time.monotonic() > deadline:
                return None
            await asyncio.sleep(0.05)

    def follows(self, record: Heard, origin: str) -> bool:
        """Whether the event `origin` is among the causes of a record."""
        causes = {each.id: each.cause for each in self.heard}
        at = record.cause
        while at in causes and at != origin:
            at = causes[at]
        return at == origin

    async def _listen(self, consumer: "AIOKafkaConsumer") -> None:
        while True:
            batches = await consumer.getmany(timeout_ms=500)
            for place, records in batches.items():
                for record in records:
                    if self._workspace in (record.value or b"") or self._workspace in (record.key or b""):
                        self.heard.append(_heard(place.topic, record))


def _heard(topic: str, record: Any) -> Heard:
    headers = {name: (value or b"").decode(errors="replace") for name, value in record.headers}
    try:
        body = json.loads(record.value or b"{}")
    except ValueError:
        body = {}
    return Heard(
        topic=topic,
        partition=record.partition,
        offset=record.offset,
        id=headers.get("ce_id", ""),
        cause=headers.get("ce_causeid", ""),
        cycle=headers.get("ce_cycleid", ""),
        body=body if isinstance(body, dict) else {},
    )
