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


class Sorted:
    """Used in a thread of its own at a time: a database that is nobody else's and goes with its folder."""

    def __init__(self, folder: Path) -> None:
        self._db = sqlite3.connect(folder / "observations.sqlite", check_same_thread=False, isolation_level=None)
        for said in ("journal_mode = OFF", "synchronous = OFF", "temp_store = FILE", f"cache_size = -{CACHE_KIB}"):
            self._db.execute(f"PRAGMA {said}")
        self._db.execute("CREATE TABLE seen (entity TEXT, occurred INTEGER, known INTEGER, id TEXT, said TEXT)")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._db.close()

    def add(self, rows: Sequence[Mapping[str, Any]], values: Collection[str]) -> None:
        """Takes what a page of observations says of some values; those that say nothing of them are left out."""
        kept = []
        for row in rows:
            said = {name: cell for name, cell in json.loads(row["values"]).items() if name in values}
            if said:
                times = (_microseconds(row["occurred_at"]), _microseconds(row["known_at"]))
                kept.append((row["entity"], *times, row["id"], json.dumps(said)))
        self._db.execute("BEGIN")
        self._db.executemany("INSERT INTO seen VALUES (?, ?, ?, ?, ?)", kept)
        self._db.execute("COMMIT")

    def as_known(self) -> Iterator[Observation]:
        return self._each("entity, known, occurred, id")

    def as_occurred(self) -> Iterator[Observation]:
        return self._each("entity, occurred, known, id")

    def _each(self, order: str) -> Iterator[Observation]:
        for entity, occurred, known, id, said in self._db.execute(f"SELECT * FROM seen ORDER BY {order}"):
            yield Observation(entity, _moment(occurred), _moment(known), id, json.loads(said))


def _microseconds(moment: datetime) -> int:
    return (moment - EPOCH) // MICROSECOND


def _moment(microseconds: int) -> datetime:
    return EPOCH + microseconds * MICROSECOND
