"""Reads the topics into facts, as any service could."""

import asyncio
from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager, suppress
from datetime import UTC, datetime
from time import monotonic
from typing import Protocol
from uuid import UUID

from aiokafka import AIOKafkaConsumer
from pydantic import ValidationError

from millrace.demo.facts import Facts
from millrace.events import (
    DatasetFailed,
    DatasetReleased,
    DocumentAccepted,
    DocumentDuplicated,
    DocumentKept,
    DocumentRejected,
    DriftDetected,
    Envelope,
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


class Record(Protocol):
    @property
    def topic(self) -> str: ...
    @property
    def timestamp(self) -> int: ...
    @property
    def value(self) -> bytes | None: ...
    @property
    def headers(self) -> object: ...


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
        watcher.note(event for record in records if (event := parsed(record)))


def parsed(record: Record) -> Event | None:
    """The event in a record; None for one that the contracts do not know."""
    headers = {name: value or b"" for name, value in record.headers}  # type: ignore[attr-defined]
    kind = Event.by_topic[record.topic]
    arrived = datetime.fromtimestamp(record.timestamp / 1000, UTC)
    try:
        cycle = headers.get("ce_cycleid", b"").decode()
        occurred = headers.get("ce_time", b"").decode()
        envelope = Envelope(
            id=UUID(headers["ce_id"].decode()),
            source=headers.get("ce_source", b"").decode(),
            occurred_at=datetime.fromisoformat(occurred) if occurred else arrived,
            known_at=arrived,
            cycle_id=UUID(cycle) if cycle else None,
        )
        return kind.parse(envelope, record.value or b"")
    except (KeyError, ValueError, UnicodeDecodeError, ValidationError):
        return None
