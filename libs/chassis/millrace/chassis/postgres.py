"""The service's database: pool, migrations, transactions."""

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Collection
from contextlib import asynccontextmanager
from datetime import date, timedelta
from importlib import import_module, resources
from pathlib import Path

import asyncpg
import structlog
from opentelemetry import trace

from millrace.chassis import telemetry
from millrace.chassis.clock import Clock
from millrace.chassis.errors import Busy, Unavailable
from millrace.chassis.settings import Settings
from millrace.chassis.transaction import Transaction
from millrace.events import Event

OUTAGE = (
    asyncpg.PostgresConnectionError,
    asyncpg.InterfaceError,
    asyncpg.CannotConnectNowError,
    asyncpg.AdminShutdownError,
    asyncpg.CrashShutdownError,
    asyncpg.TooManyConnectionsError,
    asyncpg.DeadlockDetectedError,
    asyncpg.LockNotAvailableError,
    asyncpg.SerializationError,
    asyncpg.QueryCanceledError,
    asyncpg.IdleInTransactionSessionTimeoutError,
    OSError,
    TimeoutError,
)
"""What asyncpg raises when the server or the network is at fault, or another try may win."""

CONNECTS, ANSWERS = 5.0, 30.0
"""Seconds for a connection and for a statement: without them a network that falls silent is waited for without end."""

STEP = 1000
"""Rows that housekeeping deletes in one commit, whatever has gathered: neither locks nor memory grow with it."""

MIGRATING = 0x6D696C6C
"""Advisory lock held while a schema is migrated."""

log = structlog.get_logger()


class Database:
    """A pool on the service's own schema, whose name is the service's."""

    def __init__(self, settings: Settings, clock: Clock) -> None:
        self.settings = settings
        self.clock = clock
        self.tracer: trace.Tracer | None = None
        self.on_emitted: list[Callable[[], None]] = []
        self.awaited = asyncio.Event()
        """Called after each commit that emitted: the relay looks at once."""
        self.on_scheduled: list[Callable[[], None]] = []
        """Called after each commit that queued or woke a job: the workers look at once."""
        self._pool: asyncpg.Pool[asyncpg.Record] | None = None
        self._behind = False

    @property
    def pool(self) -> "asyncpg.Pool[asyncpg.Record]":
        if self._pool is None:
            raise Unavailable("the database is not open yet")
        return self._pool

    @property
    def is_open(self) -> bool:
        return self._pool is not None

    async def start(self) -> None:
        """Opens the pool and brings the schema up to date. Raises Unavailable."""
        try:
            self._pool = await asyncpg.create_pool(
                self.settings.postgres,
                min_size=1,
                max_size=self.settings.pool,
                timeout=CONNECTS,
                command_timeout=ANSWERS,
                max_inactive_connection_lifetime=60,
                reset=untouched,
                server_settings={
                    "search_path": f"{self.settings.name}, public",
                    "application_name": self.settings.name,
                    "transaction_timeout": "60s",
                    "idle_in_transaction_session_timeout": "30s",
                    "lock_timeout": "20s",
                },
            )
        except OUTAGE as error:
            raise Unavailable(f"Postgres: {error}") from error
        await self._migrate()

    async def stop(self) -> None:
        if self._pool is not None:
            try:
                await asyncio.wait_for(self._pool.close(), 5)
            except TimeoutError:
                self._pool.terminate()
            self._pool = None

    async def _migrate(self) -> None:
        async with self.pool.acquire() as connection, connection.transaction():
            await connection.execute("SELECT pg_advisory_xact_lock($1, hashtext($2))", MIGRATING, self.settings.name)
            await connection.execute(resources.files("millrace.chassis").joinpath("schema.sql").read_text())
            applied = {row["name"] for row in await connection.fetch("SELECT name FROM migrations")}
            for path in migrations(self.settings.name):
                if path.name in applied:
                    continue
                text = path.read_text()
                await connection.execute(text)
                digest = hashlib.sha256(text.encode()).hexdigest()
                await connection.execute("INSERT INTO migrations (name, digest) VALUES ($1, $2)", path.name, digest)
                log.info("migrated", migration=path.name)

    @asynccontextmanager
    async def transaction(self, *, emits: Collection[type[Event]] = ()) -> AsyncIterator[Transaction]:
        """A transaction that commits when its block ends well. Raises Unavailable when Postgres does not answer."""
        try:
            async with self.pool.acquire(timeout=10) as connection, connection.transaction():
                tx = Transaction(
                    connection,
                    source=self.settings.name,
                    now=self.clock.now(),
                    emits=emits,
                    tracer=self.tracer,
                )
                yield tx
                await tx.flush()
        except OUTAGE as error:
            raise Unavailable(f"Postgres: {type(error).__name__}: {error}") from error
        tx.committed()
        for look in (self.on_emitted if tx.xid is not None else []) + (self.on_scheduled if tx.scheduled else []):
            look()

    @asynccontextmanager
    async def reading(self) -> AsyncIterator[Transaction]:
        """A read-only snapshot."""
        try:
            async with (
                self.pool.acquire(timeout=10) as connection,
                connection.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield Transaction(connection, source=self.settings.name, now=self.clock.now())
        except OUTAGE as error:
            raise Unavailable(f"Postgres: {type(error).__name__}: {error}") from error

    async def measure_outbox(self) -> None:
        """Counts what waits for the relay, up to just past the ceiling. Raises what asyncpg raises."""
        ceiling = self.settings.outbox_ceiling
        rows = int(
            await self.pool.fetchval("SELECT count(*) FROM (SELECT FROM outbox LIMIT $1::bigint + 1) AS o", ceiling)
        )
        telemetry.OUTBOX.set(rows)
        self._behind = rows > ceiling

    async def admit(self) -> None:
        """Raises Busy while the outbox is behind its ceiling."""
        if self._behind:
            raise Busy(retry_after=2.0)

    async def delivered(self, tx: Transaction, *, within: float = 30.0) -> None:
        """Returns when what a committed transaction emitted is on its topics. Raises Unavailable after `within` s."""
        deadline = asyncio.get_running_loop().time() + within
        while tx.xid is not None and await self.pool.fetchval(
            "SELECT EXISTS (SELECT FROM outbox WHERE xid = $1::text::xid8)", str(tx.xid)
        ):
            if asyncio.get_running_loop().time() > deadline:
                raise Unavailable("it is stored, but not yet published")
            self.awaited.set()  # a relay in this process does not pace itself while somebody waits
            await asyncio.sleep(0.02)

    async def keep_house(self) -> None:
        """Makes the inbox's next days and drops what is past remembering, a step at a time.

        A finished job goes `jobs_days` after its end, and its kind and key may then be scheduled anew. A repetition of
        what scheduled it does not: the position and the inbox, which remember longer, let none through.
        """
        today = self.clock.now().date()
        last = today - timedelta(days=self.settings.inbox_days)
        await self._make_days(today)
        await self._drop_days(last)
        await self._delete("inbox_other", "seen_on < $1", last)
        await self._delete("dead_letters", "expires_at < now()")
        await self._delete("erased", "seen_at < now() - $1 * interval '1 day'", self.settings.inbox_days)
        await self._delete("jobs", "finished_at < now() - $1 * interval '1 day'", self.settings.jobs_days)

    async def _make_days(self, today: date) -> None:
        for ahead in range(-1, 3):
            day = today + timedelta(days=ahead)
            try:
                await self.pool.execute(
                    f"CREATE TABLE IF NOT EXISTS inbox_{day:%Y%m%d} PARTITION OF inbox "
                    f"FOR VALUES FROM ('{day}') TO ('{day + timedelta(days=1)}')"
                )
            except asyncpg.CheckViolationError:
                log.info("inbox day stays in the default partition", day=str(day))

    async def _drop_days(self, last: date) -> None:
        """Drops days in which nothing was seen since: events may have come late, and what counts is when they came."""
        days = await self.pool.fetch(
            """SELECT c.relname FROM pg_inherits i JOIN pg_class c ON c.oid = i.inhrelid
               WHERE i.inhparent = 'inbox'::regclass AND c.relname <> 'inbox_other' AND c.relname < $1""",
            f"inbox_{last:%Y%m%d}",
        )
        for name in (row["relname"] for row in days):
            if not await self.pool.fetchval(f"SELECT EXISTS (SELECT FROM {name} WHERE seen_on >= $1)", last):
                await self.pool.execute(f"DROP TABLE IF EXISTS {name}")

    async def _delete(self, table: str, past: str, *args: object) -> None:
        """Deletes rows, STEP by STEP; what another replica deletes already is left to it."""
        some = f"SELECT ctid FROM {table} WHERE {past} LIMIT {STEP} FOR UPDATE SKIP LOCKED"
        delete = f"DELETE FROM {table} WHERE ctid = ANY(ARRAY({some}))"
        while await self.pool.execute(delete, *args) == f"DELETE {STEP}":
            pass


async def untouched(connection: object) -> None:
    """Gives a connection back as it is: transactions leave no state of a session (`SET LOCAL`, never `SET`)."""


def migrations(service: str) -> list[Path]:
    """A service's migrations, in order: beside its package in a wheel, beside its folder in a checkout."""
    package = Path(next(iter(import_module(f"millrace.{service}").__path__)))
    for folder in (package / "migrations", package.parents[1] / "migrations"):
        if folder.is_dir():
            return sorted(folder.glob("*.sql"))
    return []
