"""A table of features: a row for each moment whose truth is known, with the features as they were known then.

Observations are sorted on disk, by when they occurred and by when they were known, and both are gone through side by
side: what is held in memory is a page, and the longest windows of one entity.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any, Self

from millrace.chassis import BlobNotFound, Blobs, Database, Unavailable, Unprocessable
from millrace.datasets import observation_files as files
from millrace.datasets import observations
from millrace.datasets.observations import Range
from millrace.datasets.sorting import Sorted
from millrace.features import PURPOSE, Plan, Replay, labelled
from millrace.workspace import Target, Workspace

PAST, ROWS, HISTORY = "past the retention", "rows", "history"


@dataclass(frozen=True, slots=True)
class Tabled:
    """A table's file, its rows, and what is not in it by why: moments left out, and observations not used.

    `history` of the rows are of moments before Millrace knew their entity.
    """

    path: Path
    rows: int
    history: int
    left_out: Mapping[str, int]
    unused: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Reach:
    """What observations a table needs: those that occurred after a time and before another, where one is said."""

    after: datetime | None
    before: datetime | None

    @classmethod
    def of(cls, moments: Range, plan: Plan, target: Target) -> Self:
        """The windows of its moments, and their truths."""
        after = moments.since - plan.longest if moments.since else None
        return cls(after, moments.until + target.horizon if moments.until else None)

    def __contains__(self, occurred_at: datetime) -> bool:
        return self.meets(occurred_at, occurred_at)

    def meets(self, earliest: datetime | None, latest: datetime | None) -> bool:
        """Whether something between two times may be within."""
        return not (
            (self.after is not None and latest is not None and latest <= self.after)
            or (self.before is not None and earliest is not None and earliest >= self.before)
        )


@dataclass(slots=True)
class Sieve:
    """Which observations may be used: known for no longer than the retention, of sources that may be looked at."""

    spec: Workspace
    plan: Plan
    now: datetime
    gone_to: datetime | None
    """When the last of those that are past the retention had occurred, whether they are still held or not."""
    unused: Counter[str] = field(default_factory=Counter)

    def passing(self, rows: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
        return [row for row in rows if self._passes(row)]

    def _passes(self, row: Mapping[str, Any]) -> bool:
        source, retention = row["source"], self.plan.retention
        if retention is not None and row["known_at"] < self.now - retention:
            self.gone_to = max(row["occurred_at"], self.gone_to or row["occurred_at"])
            return False
        if source in self.plan.sources:
            return True
        self.unused["retired" if source in self.spec.data.retired else f"its source may not {PURPOSE}"] += 1
        return False

    @property
    def whole_from(self) -> datetime | None:
        """The first moment whose windows are held whole; None where all are."""
        return self.gone_to + self.plan.longest if self.gone_to else None


async def tabulate(
    db: Database, blobs: Blobs, asked: Mapping[str, Any], gone_to: datetime | None, folder: Path
) -> Tabled:
    """Writes a table that was asked for, of what was observed by then.

    A moment whose windows reach to where observations are past the retention has no row: it was served with them.
    """
    spec, moments = Workspace.read(asked["spec"]), Range(asked["since"], asked["until"])
    plan, target = Plan.of(spec), spec.target
    if target is None:
        raise Unprocessable(f"{spec.workspace} has no target")
    values, reach = {*plan.windows, target.name}, Reach.of(moments, plan, target)
    sieve = Sieve(spec, plan, asked["asked_at"], gone_to)
    with Sorted(folder) as seen:
        async for page in pages(db, blobs, spec.workspace, asked["rows_up_to"], reach, folder):
            await asyncio.to_thread(seen.add, sieve.passing(page), values, plan.history)
        await _firsts(db, spec.workspace, seen)
        path = folder / "features.parquet"
        left_out = await asyncio.to_thread(_write, seen, plan, target, moments, sieve.whole_from, path)
    return Tabled(path, left_out.pop(ROWS), left_out.pop(HISTORY), left_out, sieve.unused)


async def _firsts(db: Database, workspace: str, seen: Sorted) -> None:
    entities = seen.with_history()
    while some := await asyncio.to_thread(next, entities, list[str]()):
        async with db.reading() as tx:
            known = await observations.first_known(tx, workspace, some)
        await asyncio.to_thread(seen.first, known)


def _write(
    seen: Sorted, plan: Plan, target: Target, moments: Range, whole_from: datetime | None, path: Path
) -> Counter[str]:
    tally = Counter({ROWS: 0, HISTORY: 0})
    schema = files.table_schema(plan, target)
    with files.writer(path, schema) as file:
        rows = _rows(seen, plan, target, moments, whole_from, tally)
        while page := list(islice(rows, files.PAGE)):
            files.write(file, schema, page)
            tally[ROWS] += len(page)
    return tally


def _rows(
    seen: Sorted, plan: Plan, target: Target, moments: Range, whole_from: datetime | None, tally: Counter[str]
) -> Iterator[dict[str, Any]]:
    """Before Millrace knew an entity nothing was answered of it: a moment of then has what its history knew."""
    known, told = Replay(plan, seen.as_known()), Replay(plan, seen.as_told())
    entity, first = "", None
    for one in labelled(target, seen.as_occurred(target.horizon)):
        if one.at not in moments:
            continue
        if whole_from is not None and one.at < whole_from:
            tally[PAST] += 1
        elif one.cell is None:
            tally[one.why] += 1
        else:
            if one.entity != entity:
                entity, first = one.entity, seen.first_of(one.entity)
            before = first is not None and one.at < first
            tally[HISTORY] += before
            vector = (told if before else known).vector(one.entity, one.at)
            truth = {"target": one.cell, "target_at": one.of, "target_known_at": one.known_at}
            yield {"entity": one.entity, "at": one.at, **vector, **truth}


async def pages(
    db: Database, blobs: Blobs, workspace: str, up_to: int, reach: Reach, folder: Path
) -> AsyncIterator[list[dict[str, Any]]]:
    """Observations up to a number and within reach, a page at a time, in the order in which they were taken.

    They may move from Postgres into a part meanwhile: each step looks anew where the next one is.
    """
    after = 0
    while after < up_to:
        async with db.reading() as tx:
            part = await observations.part_after(tx, workspace, after)
            rows = [] if part else await observations.buffered(tx, workspace, after=after, most=files.PAGE)
        if part is None:
            page = [row for row in rows if row["seq"] <= up_to]
            if not page:
                return
            yield [row for row in page if row["occurred_at"] in reach]
            after = page[-1]["seq"]
            continue
        if not reach.meets(part.earliest, part.latest):
            after = part.last_seq
            continue
        path = folder / "part.parquet"
        try:
            await blobs.get_file(part.blob, path)
        except BlobNotFound as error:
            raise Unavailable(f"a part of {workspace} was written anew: {error}") from error
        batches = files.pages(path)
        while page := await asyncio.to_thread(next, batches, []):
            yield [row for row in page if after < row["seq"] <= up_to and row["occurred_at"] in reach]
        after = part.last_seq
