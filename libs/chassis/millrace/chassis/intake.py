"""From a batch of records to one commit: positions, inbox, handler, outbox, dead letters."""

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date
from uuid import UUID

import structlog
from opentelemetry import trace

from millrace.chassis import bodies, dead_letters, telemetry, wire
from millrace.chassis.blobs import Blobs
from millrace.chassis.errors import BodyGone, TooManyDeadLetters, Unprocessable
from millrace.chassis.handlers import Handler
from millrace.chassis.postgres import Database
from millrace.chassis.transaction import Transaction
from millrace.events import Event

log = structlog.get_logger()

LOCK = """
    SELECT p.topic, p.partition, p.next_offset FROM positions p
    JOIN unnest($2::text[], $3::int[]) AS u (topic, partition) USING (topic, partition)
    WHERE p.consumer = $1 ORDER BY p.topic, p.partition FOR UPDATE OF p"""
BEGIN = """
    INSERT INTO positions (consumer, topic, partition, next_offset)
    SELECT $1, topic, partition, 0 FROM unnest($2::text[], $3::int[]) AS u (topic, partition)
    ORDER BY topic, partition ON CONFLICT DO NOTHING"""
ADVANCE = """
    UPDATE positions p SET next_offset = u.next_offset
    FROM unnest($2::text[], $3::int[], $4::bigint[]) AS u (topic, partition, next_offset)
    WHERE p.consumer = $1 AND p.topic = u.topic AND p.partition = u.partition"""
REMEMBER = """
    WITH new AS (
        INSERT INTO inbox (consumer, id, day) SELECT $1, unnest($2::text::uuid[]), $3
        ON CONFLICT DO NOTHING RETURNING id)
    SELECT array_agg(id) FROM new HAVING count(*) < $4"""
"""The ids that are new where some are not; no row where all are, as nearly always, which spares reading them."""


AT_ONCE = 50
"""Records decoded before others get the loop again: half a millisecond."""

Read = tuple[wire.Record, Event | Unprocessable]
"""A record, and what it says or why that can't be understood."""


@dataclass(frozen=True, slots=True)
class Letter:
    """A record that can't be handled, and why."""

    record: wire.Record
    reason: str
    event_id: UUID | None = None


class Intake:
    """Takes batches of records to a handler, each event once."""

    def __init__(self, handler: Handler, db: Database, blobs: Blobs) -> None:
        self.handler = handler
        self.consumer = handler.name
        self._db = db
        self._blobs = blobs
        self._seal = dead_letters.Seal(db.settings.secret)

    async def process(self, records: Sequence[wire.Record]) -> int:
        """Reads and commits."""
        return await self.commit(await self.read(records))

    async def read(self, records: Sequence[wire.Record]) -> list[Read]:
        """Decodes a batch, which needs no transaction: another may be committing meanwhile. Raises Unavailable."""
        read: list[Read] = []
        for start in range(0, len(records), AT_ONCE):
            read += [await self._read(record) for record in records[start : start + AT_ONCE]]
            await asyncio.sleep(0)
        return read

    async def commit(self, batch: Sequence[Read]) -> int:
        """Commits a batch with all its effects, and gives the number of events that were new.

        Raises Unavailable, TooManyDeadLetters, or what the handler raised when it failed for another reason than
        Unprocessable; then nothing of the batch is committed.
        """
        try:
            return await self._commit(batch, apart=False)
        except Unprocessable as error:
            log.info("batch is run one by one", handler=self.consumer, because=str(error))
            return await self._commit(batch, apart=True)

    async def _read(self, record: wire.Record) -> Read:
        """Decodes a record, with the body that it refers to."""
        try:
            if not record.value:
                record = await bodies.whole(record, self.handler.event, self._blobs)
            return record, wire.decode(self.handler.event, record)
        except Unprocessable as error:
            return record, error

    async def _commit(self, batch: Sequence[Read], *, apart: bool) -> int:
        async with self._db.transaction(emits=self.handler.emits) as tx:
            ahead = await self._lock(tx, batch)
            events = [(said, record) for record, said in ahead if not isinstance(said, Unprocessable)]
            unread = [(record, said) for record, said in ahead if isinstance(said, Unprocessable)]
            letters = [Letter(record, str(said)) for record, said in unread if not isinstance(said, BodyGone)]
            gone = len(unread) - len(letters)
            fresh = await self._remember(tx, events)
            if fresh:
                letters += await (self._apart(tx, fresh) if apart else self._together(tx, fresh))
            if letters:
                await self._bury(tx, letters)
            await self._advance(tx, [record for record, _ in ahead])
        telemetry.EVENTS.labels(self.consumer).inc(len(fresh))
        telemetry.REPEATED.labels(self.consumer).inc(len(batch) - len(ahead) + len(events) - len(fresh))
        telemetry.DEAD_LETTERS.labels(self.consumer).inc(len(letters))
        telemetry.GONE.labels(self.consumer).inc(gone)
        return len(fresh)

    async def _lock(self, tx: Transaction, batch: Sequence[Read]) -> list[Read]:
        """The records not passed yet. Redelivery and overlapping members of the group end here."""
        partitions = sorted({(record.topic, record.partition) for record, _ in batch})
        topics, numbers = [topic for topic, _ in partitions], [number for _, number in partitions]
        rows = await tx.fetch(LOCK, self.consumer, topics, numbers)
        if len(rows) < len(partitions):
            await tx.execute(BEGIN, self.consumer, topics, numbers)
            rows = await tx.fetch(LOCK, self.consumer, topics, numbers)
        next_offsets = {(row["topic"], row["partition"]): row["next_offset"] for row in rows}
        return [read for read in batch if read[0].offset >= next_offsets[read[0].topic, read[0].partition]]

    async def _remember(
        self, tx: Transaction, events: Sequence[tuple[Event, wire.Record]]
    ) -> list[tuple[Event, wire.Record]]:
        """The events whose ids are new, in order, the first of each."""
        if not events:
            return []
        days: dict[date, list[Event]] = {}
        for event, _ in events:
            days.setdefault(event.occurred_at.date(), []).append(event)
        new: set[UUID] = set()
        for day, those in sorted(days.items()):  # one lock order
            ids = "{" + ",".join([str(event.id) for event in those]) + "}"  # a driver's array costs four times as much
            rows = await tx.fetch(REMEMBER, self.consumer, ids, day, len(those))
            new.update((rows[0][0] or ()) if rows else [event.id for event in those])
        if len(new) == len(events):
            return list(events)
        fresh = []
        for event, record in events:
            if event.id in new:
                new.discard(event.id)
                fresh.append((event, record))
        return fresh

    async def _together(self, tx: Transaction, fresh: Sequence[tuple[Event, wire.Record]]) -> list[Letter]:
        traced = next((event.traceparent for event, _ in fresh if telemetry.sampled(event.traceparent)), None)
        attributes: dict[str, str | int] = {
            "messaging.batch.message_count": len(fresh),
            "millrace.handler": self.consumer,
        }
        tracer = self._db.tracer or trace.NoOpTracer()
        with telemetry.span(
            tracer, f"process {self.handler.event.topic}", traced or fresh[0][0].traceparent, **attributes
        ):
            await self.handler([event for event, _ in fresh], tx)
        return _letters(tx, fresh)

    async def _apart(self, tx: Transaction, fresh: Sequence[tuple[Event, wire.Record]]) -> list[Letter]:
        letters: list[Letter] = []
        for event, record in fresh:
            try:
                async with tx.savepoint():
                    await self.handler([event], tx)
            except Unprocessable as error:
                letters.append(Letter(record, str(error), event.id))
        return letters + _letters(tx, fresh)

    async def _bury(self, tx: Transaction, letters: Sequence[Letter]) -> None:
        sealed = self.handler.event.retention == "intake"
        for letter in letters:
            await dead_letters.add(
                tx, self.consumer, letter.record, letter.reason, letter.event_id, self._seal if sealed else None
            )
        count = await dead_letters.within_a_minute(tx, self.consumer)
        if count > self._db.settings.dead_letter_ceiling:
            raise TooManyDeadLetters(self.consumer, count, self._db.settings.dead_letter_ceiling)

    async def _advance(self, tx: Transaction, records: Sequence[wire.Record]) -> None:
        last = {(record.topic, record.partition): record.offset for record in records}  # they come in log order
        if last:
            topics, numbers = [topic for topic, _ in last], [number for _, number in last]
            await tx.execute(ADVANCE, self.consumer, topics, numbers, [offset + 1 for offset in last.values()])

    async def replay(self, letter: int) -> None:
        """Runs a dead letter through the handler again. Raises what the handler raises; then the letter stays."""
        async with self._db.transaction(emits=self.handler.emits) as tx:
            record = await dead_letters.take(tx, letter, self._seal)
            event = wire.decode(self.handler.event, record)
            await self.handler([event], tx)
            if tx.refused:
                raise tx.refused[0][1]


def _letters(tx: Transaction, events: Sequence[tuple[Event, wire.Record]]) -> list[Letter]:
    """Letters for what the handler refused alone."""
    if not tx.refused:
        return []
    records = {event.id: record for event, record in events}
    return [Letter(records[event.id], str(reason), event.id) for event, reason in tx.refused]
