"""Bodies too large for Kafka: they lie in S3, records name them, and they go when their time or their person does.

A row tells of each before it is written, so that none lies there without our knowing whose it is and until when.
"""

from collections.abc import Mapping
from datetime import datetime
from uuid import UUID, uuid5

from pydantic_core import from_json

from millrace.chassis import telemetry, wire
from millrace.chassis.blobs import Blobs
from millrace.chassis.errors import BlobNotFound, BodyGone, Malformed
from millrace.chassis.postgres import Database
from millrace.chassis.retention import KEPT
from millrace.chassis.transaction import Transaction
from millrace.events import Event
from millrace.privacy import derived_key, pseudonymous

INLINE = 64 * 1024
"""Bytes of a body that travel inline."""

STEP = 500
"""Bodies that go before what is left is looked at again."""

TELL = """
    INSERT INTO bodies (name, workspace, people, known_at, expires_at) VALUES ($1, $2, $3, $4, $5)
    ON CONFLICT (name) DO UPDATE SET expires_at = excluded.expires_at"""
STANDS = """
    SELECT EXISTS (SELECT FROM bodies b WHERE name = $1 AND NOT EXISTS (
        SELECT FROM erased e
        WHERE e.workspace = b.workspace AND e.subject = ANY(b.people) AND e.known_at >= b.known_at))"""
END = """
    UPDATE bodies SET expires_at = $2 WHERE name IN (
        SELECT name FROM bodies b JOIN erased e ON e.workspace = b.workspace AND e.subject = ANY(b.people)
        WHERE e.erasure = $1 AND e.known_at >= b.known_at AND b.expires_at > $2 LIMIT $3)"""


class Bodies:
    """Those of one service's events."""

    def __init__(self, db: Database, blobs: Blobs) -> None:
        self._db = db
        self._blobs = blobs

    async def put(self, topic: str, headers: Mapping[str, str], body: bytes) -> str:
        """The name under which the body of an event lies from here on. Raises Unavailable.

        A person may be forgotten at any moment: what is written after its row went, or for somebody who is forgotten
        already, is taken back before the record is published.
        """
        name = f"{prefix(topic)}{uuid5(UUID(headers['ce_id']), 'body')}"
        event = Event.by_topic[topic]
        if (kept := KEPT[event.retention]) is None:
            await self._blobs.put(name, body)
            return name
        fields = from_json(body)
        key = derived_key(self._db.settings.secret.get_secret_value(), fields["workspace"])
        people = sorted({pseudonymous(fields[one], key) for one in event.people if fields.get(one)})
        known_at = datetime.fromisoformat(headers["ce_knownat"])
        async with self._db.transaction() as tx:
            await tx.execute(TELL, name, fields["workspace"], people, known_at, tx.now + kept)
        await self._blobs.put(name, body)
        async with self._db.reading() as tx:
            stands = await tx.fetchval(STANDS, name)
        if not stands:
            await self._blobs.delete(name)
        return name

    async def sweep(self) -> None:
        """Removes what is due. Raises Unavailable."""
        while await self._removed(STEP) == STEP:
            pass

    async def _removed(self, most: int) -> int:
        now = self._db.clock.now()
        async with self._db.reading() as tx:
            rows = await tx.fetch("SELECT name FROM bodies WHERE expires_at <= $1 LIMIT $2", now, most)
        names = [row["name"] for row in rows]
        for name in names:
            await self._blobs.delete(name)
        async with self._db.transaction() as tx:
            await tx.execute("DELETE FROM bodies WHERE name = ANY($1) AND expires_at <= $2", names, now)
        telemetry.BODIES_REMOVED.inc(len(names))
        return len(names)


async def end(tx: Transaction, erasure: str, most: int) -> int:
    """Makes bodies due that name a person who is forgotten by an erasure; how many."""
    return int((await tx.execute(END, erasure, tx.now, most)).rpartition(" ")[2])


def prefix(topic: str) -> str:
    return f"bodies/{topic}/"


async def whole(record: wire.Record, event: type[Event], blobs: Blobs) -> wire.Record:
    """The record with the body that it refers to. Raises Malformed, BodyGone, Unavailable.

    A body is there before its record is, so one that S3 does not have is one that was removed.
    """
    reference = None if record.value else dict(record.headers).get(wire.DATA_REFERENCE)
    if reference is None:
        return record
    name = reference.decode(errors="replace")
    if event.retention == "intake" or not name.startswith(prefix(event.topic)):
        raise Malformed(wire.DATA_REFERENCE, "none, but the body itself: what Millrace publishes alone is referred to")
    try:
        body = await blobs.get(name)
    except BlobNotFound as error:
        raise BodyGone(name) from error
    return wire.Received(
        record.topic, record.partition, record.offset, record.timestamp, record.key, body, record.headers
    )
