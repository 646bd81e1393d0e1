"""Reads the topics into facts, as any service could."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import asynccontextmanager, suppress
from time import monotonic

from aiokafka import AIOKafkaConsumer

from millrace.chassis import Malformed, wire
from millrace.demo.facts import Facts
from millrace.events import (
    DatasetFailed,
    DatasetReleased,
    DocumentAccepted,
    DocumentDuplicated,
    DocumentKept,
    DocumentRejected,
    DriftDetected,
    EvaluationFailed,
    Event,
    FeedbackRecorded,
    ModelEvaluated,
    ModelRegistered,
    ModelStaged,
    ModelTrained,
    PredictionServed,
    RetrainingRequested,
    RolloutJudged,
    RouteApplied,
    TrainingFailed,
    TrainingStarted,
    WorkspaceConfigured,
    WorkspaceRouted,
)

LOOK_EVERY = 0.2

WATCHED: tuple[type[Event], ...] = (
    DatasetFailed,
    DatasetReleased,
    DocumentAccepted,
    DocumentDuplicated,
    DocumentKept,
    DocumentRejected,
    DriftDetected,
    EvaluationFailed,
    FeedbackRecorded,
    ModelEvaluated,
    ModelRegistered,
    ModelStaged,
    ModelTrained,
    PredictionServed,
    RetrainingRequested,
    RolloutJudged,
    RouteApplied,
    TrainingFailed,
    TrainingStarted,
    WorkspaceConfigured,
    WorkspaceRouted,
)


class Watcher:
    """Adds to `facts` what happens in one workspace, and lets others wait for it."""

    def __init__(self, facts: Facts, workspace: str) -> None:
        self.facts = facts
        self._workspace = workspace

    async def until(self, holds: Callable[[Facts], bool], within: float) -> bool:
        """Wait at most `within` seconds for something to hold; whether it did. Looks a few times a second."""
        end = monotonic() + within
        while not holds(self.facts):
            if monotonic() > end:
                return False
            await asyncio.sleep(LOOK_EVERY)
        return True

    def note(self, events: Iterable[Event]) -> None:
        for event in events:
            if event.workspace == self._workspace:
                self.facts.add(event)


@asynccontextmanager
async def watching(kafka: str, watcher: Watcher) -> AsyncIterator[None]:
    """Reads from now on until the block ends."""
    consumer = AIOKafkaConsumer(
        *(kind.topic for kind in WATCHED),
        bootstrap_servers=kafka,
        group_id=None,
        isolation_level="read_committed",
    )
    await consumer.start()
    try:
        await consumer.seek_to_end()
        for partition in consumer.assignment():
            await consumer.position(partition)
        task = asyncio.create_task(_read(consumer, watcher))
        try:
            yield
        finally:
            task.cancel()
            with suppress(asyncio.CancelledError):
                await task
    finally:
        await consumer.stop()


async def _read(consumer: AIOKafkaConsumer, watcher: Watcher) -> None:
    while True:
        batches = await consumer.getmany(timeout_ms=500, max_records=2000)
        records = [record for batch in batches.values() for record in batch]
        records.sort(key=lambda record: record.timestamp)
        watcher.note(read(records, watcher.facts))


def read(records: Iterable[wire.Record], facts: Facts) -> Iterator[Event]:
    """The events in records. One that can't be read, or whose body travels by reference, is counted."""
    for record in records:
        try:
            yield wire.decode(Event.by_topic[record.topic], record)
        except Malformed as reason:
            facts.unread[f"{record.topic}: {reason}"] += 1
