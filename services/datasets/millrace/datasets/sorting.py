"""Observations of a workspace on disk, to be read in two orders at once, whatever their number."""

import json
import sqlite3
from collections.abc import Collection, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, Self

from millrace.features import Observation

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)
CACHE_KIB = 16 * 1024
PAGE = 1000


class Sorted:
    """Used in a thread of its own at a time: a database that is nobody else's and goes with its folder."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "observations.sqlite", check_same_thread=False, isolation_level=None)
        for said in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{CACHE_KIB}"):
            self._db.execute(f"PRAGMA {said}")
        self._db.execute(
            "CREATE TABLE seen (entity TEXT, occurred INTEGER, known INTEGER, id TEXT, said TEXT, told INTEGER)"
        )
        self._db.execute("CREATE TABLE firsts (entity TEXT PRIMARY KEY, first INTEGER) WITHOUT ROWID")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, rows: Sequence[Mapping[str, Any]], values: Collection[str], history: Collection[str] = ()) -> None:
        """Takes what a page of observations says of some values; those that say nothing of them are left out.

        Sources of `history` are believed since when they know.
        """
        kept = []
        for row in rows:
            said = {name: cell for name, cell in json.loads(row["values"]).items() if name in values}
            if said:
                times = (_microseconds(row["occurred_at"]), _microseconds(row["known_at"]))
                told = row["known_since"] if row["source"] in history else None
                kept.append((row["entity"], *times, row["id"], json.dumps(said), told and _microseconds(told)))
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?, ?)", kept)
        self._db.execute("COMMIT")

    def with_history(self) -> Iterator[list[str]]:
        """The entities of which a source of history tells, some at a time."""
        cursor = self._db.execute("SELECT DISTINCT entity FROM seen WHERE told IS NOT NULL")
        while rows := cursor.fetchmany(PAGE):
            yield [entity for (entity,) in rows]

    def first(self, known: Mapping[str, datetime]) -> None:
        """When Millrace first knew something of entities that have a history."""
        rows = [(entity, _microseconds(moment)) for entity, moment in known.items()]
        self._db.executemany("INSERT OR REPLACE INTO firsts VALUES (?, ?)", rows)

    def first_of(self, entity: str) -> datetime | None:
        """When Millrace first knew something of an entity; None for one without a history."""
        row = self._db.execute("SELECT first FROM firsts WHERE entity = ?", (entity,)).fetchone()
        return _moment(row[0]) if row else None

    def as_known(self) -> Iterator[Observation]:
        """As Millrace came to know them."""
        return self._each("SELECT entity, occurred, id, said, known FROM seen ORDER BY entity, known, occurred, id")

    def as_told(self) -> Iterator[Observation]:
        """Those of history, known since when their source knows them."""
        return self._each(
            """SELECT entity, occurred, id, said, told FROM seen WHERE told IS NOT NULL
               ORDER BY entity, told, occurred, id"""
        )

    def as_occurred(self, horizon: timedelta) -> Iterator[Observation]:
        """By when they occurred, for truths of moments that lie a horizon before.

        Where that is before Millrace knew the entity, history is known since when its source knows it.
        """
        return self._each(
            """SELECT entity, occurred, id, said,
                   CASE WHEN occurred - ? < first THEN coalesce(told, known) ELSE known END AS since
               FROM seen LEFT JOIN firsts USING (entity) ORDER BY entity, occurred, since, id""",
            horizon // MICROSECOND,
        )

    def _each(self, query: str, *about: int) -> Iterator[Observation]:
        for entity, occurred, id, said, known in self._db.execute(query, about):
            yield Observation(entity, _moment(occurred), _moment(known), id, json.loads(said))


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _moment(microseconds: int) -> datetime:
    return EPOCH + microseconds * MICROSECOND
