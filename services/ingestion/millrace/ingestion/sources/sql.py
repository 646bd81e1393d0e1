"""A table or view of any Postgres, read by a server-side cursor: from where the last run ended, or whole each time."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Awaitable, Callable, Mapping
from contextlib import suppress
from dataclasses import dataclass, replace
from typing import Any

import asyncpg
from pydantic import SecretStr

from millrace.chassis import Database, Transaction, Unavailable, Unprocessable
from millrace.chassis.postgres import OUTAGE
from millrace.ingestion import runs
from millrace.ingestion.domain.revisions import place_of
from millrace.ingestion.sources.batch import About, Batch, Position, Trouble, Unreadable
from millrace.ingestion.sources.tables import LONGEST_TEXT, item
from millrace.workspace import Sql
from millrace.workspace.problems import nearest

PAGE = 100
CONNECTS, ANSWERS = 10.0, 120.0
TIMES = ("timestamp with time zone", "timestamp without time zone", "date")
ORDERED = (*TIMES, "smallint", "integer", "bigint", "numeric", "uuid")
"""Types of a cursor column: what has an order that means newer."""

Connect = Callable[..., Any]


class WrongColumn(Unprocessable):
    def __init__(self, table: str, column: str, among: Mapping[str, str]) -> None:
        hint = nearest(column, among)
        super().__init__(f"{table} has no column {column!r}" + (f"; did you mean {hint!r}?" if hint else ""))


class UnknownDsn(Unprocessable):
    def __init__(self, name: str) -> None:
        super().__init__(f"ingestion was given no database {name!r} (INGESTION_DSNS)")


@dataclass(frozen=True)
class _Query:
    text: str
    args: tuple[str, ...]


class SqlReader:
    """Reads rows in the order of the cursor column, or of the id where there is none.

    The position is the last value of that column as text. From the last run's end an incremental run goes back by
    `overlap`, since a transaction that began earlier may have committed later; rows that are as they were are no news.
    """

    def __init__(
        self, sql: Sql, about: About, dsns: Mapping[str, SecretStr], db: Database, connect: Connect = asyncpg.connect
    ) -> None:
        self._sql = sql
        self._about = about
        self._dsns = dsns
        self._db = db
        self._connect = connect
        self.last_wins = sql.cursor is not None
        self.goes_on = sql.cursor is None  # with one each run goes on from the last
        self.retires = self.goes_on and sql.observations is None

    async def batches(self, position: Position | None) -> AsyncGenerator[Batch, None]:
        dsn = self._dsns.get(self._sql.dsn)
        if dsn is None:
            raise UnknownDsn(self._sql.dsn)
        try:
            connection = await self._connect(
                dsn.get_secret_value(),
                timeout=CONNECTS,
                command_timeout=ANSWERS,
                server_settings={
                    "application_name": "millrace sources",
                    "default_transaction_read_only": "on",
                    "TimeZone": "UTC",
                    "DateStyle": "ISO",
                    "IntervalStyle": "iso_8601",
                },
            )
        except (ValueError, asyncpg.PostgresError, *OUTAGE) as error:
            raise _sorted(error) from error
        try:
            async for batch in self._read(connection, position):
                yield batch
        except (asyncpg.PostgresError, *OUTAGE) as error:
            raise _sorted(error) from error
        finally:
            with suppress(Exception):
                await connection.close(timeout=5)

    async def _read(self, connection: Any, position: Position | None) -> AsyncGenerator[Batch, None]:
        types = await self._types(connection)
        async with self._db.reading() as tx:
            mark = await runs.mark(tx, self._about) if self._sql.cursor else None
        query = self._query(types, position, mark)
        async with connection.transaction(isolation="repeatable_read", readonly=True):
            cursor = await connection.cursor(query.text, *query.args)
            while rows := await cursor.fetch(PAGE):
                batch = Batch(position={"after": rows[-1]["millrace_position"]})
                for row in rows:
                    self._add(batch, row)
                batch.counts["rows"] += len(rows)
                batch.also = self._remember(batch.position["after"]) if self._sql.cursor else None
                yield batch

    async def _types(self, connection: Any) -> dict[str, str]:
        """The columns of the table with their types. Raises Unprocessable."""
        table = ".".join(_quoted(part) for part in self._sql.table.split("."))
        found = await connection.fetch(
            """SELECT attname::text AS name, format_type(atttypid, NULL) AS type FROM pg_attribute
               WHERE attrelid = $1::text::regclass AND attnum > 0 AND NOT attisdropped""",
            table,
        )
        types = {row["name"]: row["type"] for row in found}
        for name in (*self._sql.told.named, *filter(None, [self._sql.cursor])):
            if name not in types:
                raise WrongColumn(self._sql.table, name, types)
        if self._sql.cursor and types[self._sql.cursor] not in ORDERED:
            kind = types[self._sql.cursor]
            raise Unprocessable(
                f"cursor {self._sql.cursor!r} is {kind}; it has to grow with what is newer: {', '.join(ORDERED)}"
            )
        return types

    def _query(self, types: Mapping[str, str], position: Position | None, mark: str | None) -> _Query:
        sql = self._sql
        by = sql.cursor or sql.known_by
        assert by is not None
        # by the table's alias, as a bare name after ORDER BY would be the text that is selected under it
        key, kind = f"t.{_quoted(by)}", types[by]
        chosen = [f"left(t.{_quoted(name)}::text, {LONGEST_TEXT}) AS {_quoted(name)}" for name in sql.told.named]
        table = ".".join(_quoted(part) for part in sql.table.split("."))
        args: tuple[str, ...] = ()
        text = f"SELECT {', '.join(chosen)}, {key}::text AS millrace_position FROM {table} AS t WHERE {key} IS NOT NULL"
        if position is not None:
            # of rows with the same value some may have been taken: all are read again, and are no news
            text, args = f"{text} AND {key} >= $1::text::{kind}", (str(position["after"]),)
        elif mark is not None:
            back = f" - '{sql.overlap.total_seconds()} seconds'::interval" if kind in TIMES else ""
            text, args = f"{text} AND {key} >= $1::text::{kind}{back}", (mark,)
        return _Query(f"{text} ORDER BY {key}", args)

    def _add(self, batch: Batch, row: Mapping[str, Any]) -> None:
        id = self._sql.known_by
        assert id is not None
        own = row[id]
        place = place_of(self._about.workspace, self._about.source, f"row/{own}")
        try:
            if not own:
                raise Unreadable("id", f"an id in {id!r}")
            batch.items.append(replace(item(dict(row), self._sql.told, place, label=self._sql.label), own_id=own))
        except Unreadable as error:
            batch.troubles.append(Trouble(f"row {own}", error.code, error.expected))
            batch.settled.add(place)

    def _remember(self, mark: str) -> Callable[[Transaction], Awaitable[None]]:
        return lambda tx: runs.save_mark(tx, self._about, mark)


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _sorted(error: BaseException) -> Exception:
    """By what the caller does. A DSN is never part of what is told."""
    told = f"{type(error).__name__}: {error}"[:300]
    if isinstance(error, OUTAGE):
        return Unavailable(f"the database of the source: {told}")
    return Unprocessable(f"the database of the source refuses: {told}")
