"""Compacted topics, read whole by every replica, without a group."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any, Generic, TypeVar

import structlog
from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError
from pydantic import ValidationError

from millrace.chassis import bodies, loops, wire
from millrace.chassis.blobs import Blobs
from millrace.chassis.consumer import FETCH_WAIT_MS
from millrace.chassis.errors import Unavailable, Unknown, Unprocessable
from millrace.chassis.settings import Settings
from millrace.events import Event, WorkspaceConfigured
from millrace.workspace import Workspace

log = structlog.get_logger()

V = TypeVar("V")

REACH = 10.0
"""Seconds that a key which is not known yet is looked for: until the table is connected and read to its end."""


class Table(Generic[V]):
    """The last event of each key of a topic, kept up to date.

    `view` maps an event to what is kept (the event itself where it is not given); an event that it refuses with
    Unprocessable is logged and left out. `on_change` is awaited for each change, one after the other.
    """

    def __init__(
        self,
        event: type[Event],
        settings: Settings,
        *,
        view: Callable[[Any], V] | None = None,
        on_change: Callable[[str, V], Awaitable[None]] | None = None,
    ) -> None:
        self.topic = event.topic
        self._event = event
        self._settings = settings
        self._blobs = Blobs(settings)
        self._view = view
        self._on_change = on_change
        self._values: dict[str, V] = {}
        self._consumer: AIOKafkaConsumer | None = None
        self.loops: list[asyncio.Task[None]] = []
        self._read: dict[TopicPartition, int] = {}
        self._moved = asyncio.Condition()
        self.caught_up = False

    def now(self, key: str) -> V | None:
        """What is known of a key at this moment."""
        return self._values.get(key)

    def items(self) -> Iterator[tuple[str, V]]:
        return iter(list(self._values.items()))

    async def get(self, key: str) -> V:
        """The value of a key. Reads to the table's present end before it raises Unknown; raises Unavailable."""
        if key not in self._values:
            await self._reach_end()
        if key not in self._values:
            raise Unknown(self.topic, key)
        return self._values[key]

    async def start(self) -> None:
        self.loops = [asyncio.create_task(self._run(), name=f"table {self.topic}")]

    async def stop(self) -> None:
        await loops.end(self.loops)

    def ready(self) -> str | None:
        return None if self.caught_up else f"{self.topic} is not read to its end yet"

    async def put(self, event: Event) -> None:
        """Applies one event."""
        try:
            value: Any = self._view(event) if self._view else event
        except Unprocessable as error:
            log.error("table row refused", topic=self.topic, key=event.workspace, because=str(error))
            return
        self._values[event.workspace] = value
        if self._on_change is not None:
            await self._on_change(event.workspace, value)

    async def _run(self) -> None:
        while True:
            try:
                await self._follow()
            except (KafkaError, OSError, Unavailable) as error:
                log.warning("table waits", topic=self.topic, because=f"{type(error).__name__}: {error}")
            await asyncio.sleep(1.0)

    async def _follow(self) -> None:
        consumer = AIOKafkaConsumer(
            self.topic,
            bootstrap_servers=self._settings.kafka,
            client_id=f"{self._settings.name}.table",
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
            fetch_max_wait_ms=FETCH_WAIT_MS,
        )
        await consumer.start()
        try:
            places = list(consumer.assignment())
            if not places:
                raise OSError(f"topic {self.topic} does not exist")
            self._read = dict.fromkeys(places, 0)
            ends = await consumer.end_offsets(places)
            self._consumer = consumer
            while True:
                for records in (await consumer.getmany(timeout_ms=500)).values():
                    for record in records:
                        await self._take(record)
                for place in places:
                    self._read[place] = await consumer.position(place)
                if not self.caught_up and all(self._read[place] >= end for place, end in ends.items()):
                    self.caught_up = True
                async with self._moved:
                    self._moved.notify_all()
        finally:
            self._consumer = None
            await consumer.stop()

    async def _take(self, record: Any) -> None:
        try:
            whole = await bodies.whole(record, self._event, self._blobs)
            event = wire.decode(self._event, whole)
        except Unprocessable as error:
            log.error("table record refused", topic=self.topic, offset=record.offset, because=str(error))
            return
        await self.put(event)

    async def _reach_end(self) -> None:
        """Returns when all is read that the topic holds now. Before the first connection nothing is known of that."""
        try:
            async with asyncio.timeout(REACH):
                while (consumer := self._consumer) is None:
                    await self._until(lambda: self._consumer is not None)
                ends = await consumer.end_offsets(list(self._read))
                await self._until(lambda: all(self._read.get(place, 0) >= end for place, end in ends.items()))
        except KafkaError as error:
            raise Unavailable(f"Kafka: {error}") from error
        except TimeoutError as error:
            raise Unavailable(f"{self.topic} could not be read to its end within {REACH:g} s") from error

    async def _until(self, holds: Callable[[], bool]) -> None:
        async with self._moved:
            await self._moved.wait_for(holds)


def workspaces(
    settings: Settings, *, on_change: Callable[[str, Workspace], Awaitable[None]] | None = None
) -> Table[Workspace]:
    """The workspaces as they are declared."""

    def view(event: WorkspaceConfigured) -> Workspace:
        try:
            return Workspace.read(event.spec)
        except ValidationError as error:
            raise wire.malformed(error) from error

    return Table(WorkspaceConfigured, settings, view=view, on_change=on_change)
