"""One Postgres transaction: state, outbox, dead letters and jobs commit together."""

import json
from collections import Counter
from collections.abc import AsyncIterator, Callable, Collection, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import UUID, uuid5

import asyncpg
from opentelemetry import trace
from pydantic_core import to_json

from millrace.chassis import telemetry, wire
from millrace.chassis.errors import Unprocessable
from millrace.events import Cause, Event

INSERT_JOB = """
    INSERT INTO jobs (id, kind, key, workspace, payload, run_at, cause_id, cycle_id, occurred_at, traceparent)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10) ON CONFLICT (kind, key) DO NOTHING"""


class Transaction:
    """What a handler, a job's step or an HTTP call does at once. Made by the chassis."""

    def __init__(
        self,
        connection: Any,
        *,
        source: str,
        now: datetime,
        emits: Collection[type[Event]] = (),
        tracer: trace.Tracer | None = None,
    ) -> None:
        self.now = now
        self._connection = connection
        self.source = source
        self._emits = frozenset(emits)
        self._tracer = tracer
        self._outbox: list[tuple[str, str, str, bytes]] = []
        self._ids: set[str] = set()
        self._topics: list[str] = []
        self._refused: list[tuple[Event, Unprocessable]] = []
        self.xid: int | None = None
        """The transaction's id once it has emitted and committed: what `Database.delivered` waits for."""
        self.scheduled = False
        """Whether a job was queued or woken."""
        self.after_commit: list[Callable[[], None]] = []

    async def execute(self, query: str, *args: Any) -> str:
        return str(await self._connection.execute(query, *args))

    async def executemany(self, query: str, args: Iterable[Sequence[Any]]) -> None:
        await self._connection.executemany(query, args)

    async def fetch(self, query: str, *args: Any) -> list[asyncpg.Record]:
        return list(await self._connection.fetch(query, *args))

    async def fetchrow(self, query: str, *args: Any) -> asyncpg.Record | None:
        row: asyncpg.Record | None = await self._connection.fetchrow(query, *args)
        return row

    async def fetchval(self, query: str, *args: Any) -> Any:
        return await self._connection.fetchval(query, *args)

    async def copy(self, table: str, columns: Sequence[str], records: Collection[Sequence[Any]]) -> None:
        """Inserts many rows by COPY; the quickest way in."""
        await self._connection.copy_records_to_table(table, columns=columns, records=records)

    def emit(self, event: Event) -> None:
        """Publishes an event with this commit.

        Raises TypeError where the class was not declared, ValueError where the id was emitted here already (count
        `ordinal` up).
        """
        if type(event) not in self._emits:
            raise TypeError(f"{type(event).__name__} is not among what this may emit")
        headers = wire.headers_of(event, self.source, self._trace(event))
        if headers["ce_id"] in self._ids:
            raise ValueError(f"{type(event).__name__} {event.id} is emitted twice; give the second another ordinal")
        self._ids.add(headers["ce_id"])
        self._outbox.append((event.topic, event.key, to_json(headers).decode(), event.body()))
        self._topics.append(event.topic)

    def _trace(self, event: Event) -> str | None:
        """A traceparent for the event: a span of its own below its cause's, where that is sampled."""
        given = event.traceparent or telemetry.traceparent_of(trace.get_current_span())
        if self._tracer is None or not telemetry.sampled(given):
            return given
        with telemetry.span(
            self._tracer, f"emit {event.topic}", given, **{"millrace.workspace": event.workspace}
        ) as span:
            if event.cycle_id:
                span.set_attribute("millrace.cycle", str(event.cycle_id))
            return telemetry.traceparent_of(span)

    def refuse(self, event: Event, reason: Unprocessable) -> None:
        """Dead-letters one event of a batch; its neighbours go on."""
        self._refused.append((event, reason))

    @property
    def refused(self) -> Sequence[tuple[Event, Unprocessable]]:
        return self._refused

    async def schedule(
        self,
        kind: str,
        *,
        key: str,
        workspace: str,
        cause: Cause,
        payload: Mapping[str, Any] | None = None,
        at: datetime | None = None,
        cycle_id: UUID | None = None,
    ) -> None:
        """Queues a job, or sets a timer where `at` is to come. The same kind and key again changes nothing."""
        self.scheduled = True
        await self._connection.execute(
            INSERT_JOB,
            uuid5(wire.FOREIGN, f"{self.source}|{kind}|{key}"),
            kind,
            key,
            workspace,
            json.dumps(payload or {}),
            at or self.now,
            cause.id,
            cycle_id or cause.cycle_id,
            cause.occurred_at,
            cause.traceparent,
        )

    async def cancel(self, kind: str, key: str) -> None:
        """Takes a job back that no worker has claimed."""
        await self._connection.execute(
            """UPDATE jobs SET state = 'cancelled', finished_at = now()
               WHERE kind = $1 AND key = $2 AND state = 'waiting'""",
            kind,
            key,
        )

    async def wake(self, kind: str, key: str) -> None:
        """Makes a waiting job due now."""
        self.scheduled = True
        await self._connection.execute(
            "UPDATE jobs SET run_at = least(run_at, $3) WHERE kind = $1 AND key = $2 AND state = 'waiting'",
            kind,
            key,
            self.now,
        )

    @asynccontextmanager
    async def savepoint(self) -> AsyncIterator[None]:
        """Undoes what its block did, emitted events included, if the block raises."""
        outbox, topics, refused, ids = len(self._outbox), len(self._topics), len(self._refused), set(self._ids)
        try:
            async with self._connection.transaction():
                yield
        except BaseException:
            del self._outbox[outbox:], self._topics[topics:], self._refused[refused:]
            self._ids = ids
            raise

    async def flush(self) -> None:
        """Writes the outbox. Called by the chassis before the commit."""
        if not self._outbox:
            return
        self.xid = int(await self._connection.fetchval("SELECT pg_current_xact_id()::text"))
        await self._connection.copy_records_to_table(
            "outbox", columns=("topic", "key", "headers", "body"), records=self._outbox
        )
        self._outbox = []

    def committed(self) -> None:
        """Called by the chassis after the commit."""
        for topic, number in Counter(self._topics).items():
            telemetry.EMITTED.labels(topic).inc(number)
        for act in self.after_commit:
            act()
