"""Long and timed work: rows with a lease and a fencing token, claimed round-robin by workspace."""

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable, Collection
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from typing import Any
from uuid import UUID, uuid5

import asyncpg
import structlog
from opentelemetry import trace

from millrace.chassis import loops, telemetry
from millrace.chassis.causes import Step
from millrace.chassis.errors import LeaseLost, Unavailable, Unprocessable
from millrace.chassis.postgres import OUTAGE, Database
from millrace.chassis.transaction import Transaction
from millrace.events import Event

log = structlog.get_logger()

LEASE = 10.0
"""Seconds after which a dead worker's job is claimed again; a live worker renews three times as often."""

LOOK = 1.0
"""Seconds between looks for timers that are due and jobs that another replica queued; our own commits wake at once."""

ATTEMPTS = 8
"""Tries of a job that fails for a reason nobody foresaw, before it rests as failed."""

DUE = """
    kind = $1 AND ((state = 'waiting' AND run_at <= $2) OR (state = 'running' AND lease_until < clock_timestamp()))"""
CLAIM = f"""
    WITH turns AS (
        SELECT workspace,
            (SELECT max(claimed_at) FROM jobs j WHERE j.kind = $1 AND j.workspace = due.workspace) AS last
        FROM (SELECT DISTINCT workspace FROM jobs WHERE {DUE}) AS due),
    next AS (
        SELECT id FROM jobs JOIN turns USING (workspace) WHERE {DUE}
        ORDER BY turns.last NULLS FIRST, run_at, id LIMIT 1 FOR UPDATE OF jobs SKIP LOCKED)
    UPDATE jobs SET state = 'running', token = token + 1, attempts = attempts + 1, claimed_at = clock_timestamp(),
        lease_until = clock_timestamp() + $3 * interval '1 second'
    FROM next WHERE jobs.id = next.id RETURNING jobs.*"""
RENEW = """
    UPDATE jobs SET lease_until = clock_timestamp() + $3 * interval '1 second'
    WHERE id = $1 AND token = $2 AND state = 'running' RETURNING id"""
HOLD = "SELECT id FROM jobs WHERE id = $1 AND token = $2 AND state = 'running' FOR UPDATE"
END = """
    UPDATE jobs SET state = $3, finished_at = clock_timestamp(), error = $4,
        payload = CASE $3 WHEN 'done' THEN '{}' ELSE payload END
    WHERE id = $1 AND token = $2 AND state = 'running' RETURNING id"""
AGAIN = """
    UPDATE jobs SET state = 'waiting', run_at = $3, error = $4
    WHERE id = $1 AND token = $2 AND state = 'running' RETURNING id"""


class Job:
    """A claimed job: what it is about, and the transactions that only its holder can commit."""

    def __init__(
        self, row: asyncpg.Record, db: Database, emits: Collection[type[Event]], traceparent: str | None
    ) -> None:
        self.id: UUID = row["id"]
        self.kind: str = row["kind"]
        self.key: str = row["key"]
        self.workspace: str = row["workspace"]
        self.payload: dict[str, Any] = json.loads(row["payload"])
        self.token: int = row["token"]
        self.attempt: int = row["attempts"]
        self.cycle_id: UUID | None = row["cycle_id"]
        self.cause_id: UUID = row["cause_id"]
        self.occurred_at: datetime = row["occurred_at"]
        self.traceparent = traceparent or row["traceparent"]
        self.ended = False
        self.db = db
        self._emits = emits

    def cause(self, step: str, *, now: datetime | None = None) -> Step:
        """The cause of what a step emits: the same over attempts, so that the same events come again."""
        moment = now or self.db.clock.now()
        return Step(uuid5(self.id, step), moment, moment, self.cycle_id, self.traceparent)

    @asynccontextmanager
    async def transaction(self, step: str = "") -> AsyncIterator[Transaction]:
        """A step that commits only while this worker holds the job. Raises LeaseLost."""
        async with self.db.transaction(emits=self._emits) as tx:
            if await tx.fetchval(HOLD, self.id, self.token) is None:
                raise LeaseLost(self.kind, self.key, self.token)
            yield tx

    @asynccontextmanager
    async def finish(self) -> AsyncIterator[Transaction]:
        """The last step: the job's end and its effects are one commit. Raises LeaseLost."""
        async with self.transaction() as tx:
            yield tx
            await tx.execute(END, self.id, self.token, "done", None)
        self.ended = True

    async def later(self, at: datetime, why: str = "") -> None:
        """Ends this claim; the job runs again at a time. Raises LeaseLost."""
        await self._end(AGAIN, at, why or None)

    async def fail(self, why: str) -> None:
        """Ends the job for good. Raises LeaseLost."""
        await self._end(END, "failed", why)

    async def _end(self, statement: str, *args: Any) -> None:
        """A zombie fails and comes back later too, and must not do so in its successor's name."""
        if await self.db.pool.fetchval(statement, self.id, self.token, *args) is None:
            raise LeaseLost(self.kind, self.key, self.token)
        self.ended = True


@dataclass(frozen=True)
class Work:
    """A function of a job, with what it may emit and how many run at once."""

    kind: str
    emits: frozenset[type[Event]]
    function: Callable[..., Awaitable[None]]
    concurrency: int = 1
    bound: dict[str, Any] = field(default_factory=dict)

    def bind(self, **more: Any) -> "Work":
        return replace(self, bound={**self.bound, **more})


def works(
    kind: str, *, emits: Collection[type[Event]] = (), concurrency: int = 1
) -> Callable[[Callable[..., Awaitable[None]]], Work]:
    """Marks `async def job_...(job: Job, *, bound...)` as the work of a kind of job."""

    def decorate(function: Callable[..., Awaitable[None]]) -> Work:
        return Work(kind, frozenset(emits), function, concurrency)

    return decorate


class Worker:
    """Claims and runs jobs of one kind, up to `concurrency` at once."""

    def __init__(self, work: Work, db: Database) -> None:
        self._work = work
        self._db = db
        self._wake = asyncio.Event()
        self.loops: list[asyncio.Task[None]] = []
        db.on_scheduled.append(self._wake.set)

    async def start(self) -> None:
        self.loops = [
            asyncio.create_task(self._loop(), name=f"worker {self._work.kind}-{number}")
            for number in range(self._work.concurrency)
        ]

    async def stop(self) -> None:
        """Cancels what runs; another worker claims it when the lease is over."""
        await loops.end(self.loops)

    async def _loop(self) -> None:
        while True:
            try:
                self._wake.clear()
                if not await self.once():
                    await loops.set_within(self._wake, LOOK)
            except (Unavailable, *OUTAGE) as error:
                log.warning("worker waits", kind=self._work.kind, because=f"{type(error).__name__}: {error}")
                await asyncio.sleep(1.0)

    async def once(self) -> bool:
        """Claims and runs one due job; whether there was one."""
        row = await self._db.pool.fetchrow(CLAIM, self._work.kind, self._db.clock.now(), LEASE)
        if row is None:
            return False
        tracer = self._db.tracer or trace.NoOpTracer()
        about = {"millrace.workspace": row["workspace"], "millrace.job": row["key"]}
        with telemetry.span(tracer, f"job {self._work.kind}", row["traceparent"], **about) as span:
            job = Job(row, self._db, self._work.emits, telemetry.traceparent_of(span))
            await self._run(job)
        return True

    async def _run(self, job: Job) -> None:
        running = asyncio.current_task()
        assert running is not None
        lost: list[bool] = []
        keeper = asyncio.create_task(self._keep(job, running, lost))
        try:
            end = await self._attempt(job)
        except LeaseLost as error:
            end = "lost"
            log.warning("job lost", kind=job.kind, key=job.key, because=str(error))
        except asyncio.CancelledError:
            if not lost:
                raise
            running.uncancel()
            end = "lost"
        finally:
            keeper.cancel()
        telemetry.JOBS.labels(job.kind, end).inc()

    async def _attempt(self, job: Job) -> str:
        """Does the work and says how this claim ended. Raises LeaseLost."""
        try:
            await self._work.function(job, **self._work.bound)
            if not job.ended:
                async with job.finish():
                    pass
        except LeaseLost:
            raise
        except Unprocessable as error:
            log.error("job failed", kind=job.kind, key=job.key, because=str(error))
            await job.fail(str(error))
            return "failed"
        except Exception as error:
            return await self._again(job, error)
        return "done"

    async def _again(self, job: Job, error: Exception) -> str:
        """Sets the next try, or gives up; how the claim ended. Raises LeaseLost."""
        foreseen, why = isinstance(error, Unavailable), f"{type(error).__name__}: {error}"
        if not foreseen and job.attempt >= ATTEMPTS:
            log.exception("job given up", kind=job.kind, key=job.key, attempt=job.attempt)
            await job.fail(why)
            return "failed"
        pause = min(0.5 * 2 ** min(job.attempt, 6), 30.0)
        (log.warning if foreseen else log.exception)(
            "job again", kind=job.kind, key=job.key, because=str(error), pause_s=pause
        )
        await job.later(self._db.clock.now() + timedelta(seconds=pause), why)
        return "again"

    async def _keep(self, job: Job, running: "asyncio.Task[Any]", lost: list[bool]) -> None:
        """Renews the lease; cancels the work when another has it."""
        while True:
            await asyncio.sleep(LEASE / 3)
            try:
                if await self._db.pool.fetchval(RENEW, job.id, job.token, LEASE) is None and not job.ended:
                    lost.append(True)
                    running.cancel()
                    return
            except (Unavailable, *OUTAGE) as error:
                log.warning("lease not renewed", kind=job.kind, key=job.key, because=str(error))
