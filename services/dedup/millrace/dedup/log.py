"""What the topics still have of a workspace, in the order in which it was known."""

from collections import deque
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from millrace.chassis import Database, Settings, Transaction, Unavailable
from millrace.chassis.intake import Intake
from millrace.events import Event

BATCH = 500
"""Events that are given at once."""
WAIT_MS = 500

Places = Mapping[TopicPartition, int]
"""Of each partition the offset that comes next."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Events, and where the log goes on after them."""

    events: list[Event]
    places: Places

    def behind(self, ends: Places) -> int:
        """Records of all workspaces that are still to be read."""
        return sum(max(0, end - self.places.get(place, 0)) for place, end in ends.items())


class Log:
    """The topics that handlers read, up to where those handlers stand: what comes from there on is theirs."""

    def __init__(self, intakes: Sequence[Intake], db: Database, settings: Settings) -> None:
        self._intakes = {intake.handler.event.topic: intake for intake in intakes}
        self._db = db
        self._settings = settings

    async def ends(self, tx: Transaction) -> Places:
        """Where the handlers stand."""
        rows = await tx.fetch(
            """SELECT topic, partition, next_offset FROM positions
               JOIN unnest($1::text[], $2::text[]) AS u (consumer, topic) USING (consumer, topic)
               WHERE next_offset > 0 ORDER BY 1, 2""",
            [intake.consumer for intake in self._intakes.values()],
            list(self._intakes),
        )
        return {TopicPartition(row["topic"], row["partition"]): row["next_offset"] for row in rows}

    @asynccontextmanager
    async def reading(self, workspace: str, places: Places) -> AsyncIterator["Reading"]:
        """From these places on; from the start of what is not among them. Raises Unavailable."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self._settings.kafka,
            client_id=f"{self._settings.name}.log",
            isolation_level="read_committed",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        try:
            await consumer.start()
            yield Reading(consumer, self._intakes, workspace, places)
        except KafkaError as error:
            raise Unavailable(f"Kafka: {type(error).__name__}: {error}") from error
        finally:
            await consumer.stop()


class Reading:
    """Several partitions as one log. `since` is the time of the first record that is still there."""

    def __init__(
        self, consumer: AIOKafkaConsumer, intakes: Mapping[str, Intake], workspace: str, places: Places
    ) -> None:
        self.since: datetime | None = None
        self._consumer = consumer
        self._intakes = intakes
        self._keys = (workspace.encode(), f"{workspace}/".encode())
        self._fetched = dict(places)
        self._held: dict[TopicPartition, deque[tuple[int, Event]]] = {}

    async def upto(self, ends: Places) -> AsyncIterator[Batch]:
        """What comes before the ends, some at a time."""
        await self._assign(ends)
        while not self.has(ends):
            wanted = [place for place, end in ends.items() if not self._held[place] and self._fetched[place] < end]
            if wanted:
                await self._fetch(wanted)
            while batch := self._next(ends, BATCH):
                yield Batch(batch, self._places())
        while batch := self._next(ends, BATCH):
            yield Batch(batch, self._places())
        yield Batch([], self._places())

    async def ahead(self) -> None:
        """Fetches what there is already of what the handlers are about to take."""
        if self._held:
            await self._fetch(list(self._held), wait_ms=50)

    def has(self, ends: Places) -> bool:
        """Whether all that comes before the ends is here."""
        return all(self._fetched.get(place, 0) >= end for place, end in ends.items())

    def waiting(self, ends: Places) -> int:
        """Events that come before the ends and are here."""
        return sum(offset < ends.get(place, 0) for place, held in self._held.items() for offset, _ in held)

    def take(self, ends: Places) -> Batch:
        """All that comes before the ends, of which nothing is missing."""
        return Batch(self._next(ends, None), self._places())

    def _next(self, ends: Places, most: int | None) -> list[Event]:
        """The oldest that are known, as far as it is certain that nothing older is to come."""
        found: list[Event] = []
        while most is None or len(found) < most:
            heads = [
                (held[0][1].known_at, number, place)
                for number, (place, held) in enumerate(self._held.items())
                if held and held[0][0] < ends.get(place, 0)
            ]
            waits = any(not self._held[place] and self._fetched[place] < end for place, end in ends.items())
            if waits or not heads:
                break
            found.append(self._held[min(heads)[2]].popleft()[1])
        return found

    def _places(self) -> Places:
        return {place: held[0][0] if held else self._fetched[place] for place, held in self._held.items()}

    async def _assign(self, ends: Places) -> None:
        new = [place for place in ends if place not in self._held]
        if not new:
            return
        for place, first in (await self._consumer.beginning_offsets(new)).items():
            self._held[place] = deque()
            self._fetched[place] = max(first, self._fetched.get(place, 0))
        self._consumer.assign(list(self._held))
        for place in self._held:
            self._consumer.seek(place, self._fetched[place])

    async def _fetch(self, places: Sequence[TopicPartition], wait_ms: int = WAIT_MS) -> None:
        for place, records in (await self._consumer.getmany(*places, timeout_ms=wait_ms, max_records=BATCH)).items():
            own = [
                one for one in records if one.key and (one.key == self._keys[0] or one.key.startswith(self._keys[1]))
            ]
            if records:
                first = datetime.fromtimestamp(records[0].timestamp / 1000, UTC)
                self.since = min(first, self.since or first)
            read = await self._intakes[place.topic].read(own)
            self._held[place].extend((record.offset, said) for record, said in read if isinstance(said, Event))
        for place in places:
            self._fetched[place] = await self._consumer.position(place)
