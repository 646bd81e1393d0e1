"""A table of features: a row for each moment whose truth is known, with the features as they were known then.

Observations are sorted on disk, by when they occurred and by when they were known, and both are gone through side by
side: what is held in memory is a page, and the longest windows of one entity.
"""

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator
from datetime import datetime
from itertools import islice
from pathlib import Path
from typing import Any

from millrace.chassis import BlobNotFound, Blobs, Database, Unavailable, Unprocessable
from millrace.datasets import observation_files as files
from millrace.datasets import observations
from millrace.datasets.sorting import Sorted
from millrace.features import Labelled, Plan, labelled, vectors
from millrace.workspace import Target, Workspace

PAST = "past the retention"


async def tabulate(
    db: Database, blobs: Blobs, spec: Workspace, up_to: int, aged: datetime | None, folder: Path
) -> tuple[Path, Counter[str]]:
    """Writes the table of the observations up to a number: its file, and how many moments have a row or why not.

    A moment whose windows reach to before `aged`, where observations are gone, has none: it was served with them.
    """
    plan, target = Plan.of(spec), spec.target
    if target is None:
        raise Unprocessable(f"{spec.workspace} has no target")
    values = {*plan.windows, target.name}
    since = aged + max(plan.windows.values()) if aged else None
    with Sorted(folder) as seen:
        async for page in pages(db, blobs, spec.workspace, up_to, folder):
            await asyncio.to_thread(seen.add, page, values)
        path = folder / "features.parquet"
        return path, await asyncio.to_thread(_write, seen, plan, target, since, path)


def _write(seen: Sorted, plan: Plan, target: Target, since: datetime | None, path: Path) -> Counter[str]:
    tally = Counter({"rows": 0})
    schema = files.table_schema(plan, target)
    with files.writer(path, schema) as file:
        rows = _rows(seen, plan, target, since, tally)
        while page := list(islice(rows, files.PAGE)):
            files.write(file, schema, page)
            tally["rows"] += len(page)
    return tally


def _rows(
    seen: Sorted, plan: Plan, target: Target, since: datetime | None, tally: Counter[str]
) -> Iterator[dict[str, Any]]:
    truths: list[Labelled] = []

    def moments() -> Iterator[tuple[str, datetime]]:
        for one in labelled(target, seen.as_occurred()):
            if one.cell is None:
                tally[one.why] += 1
            elif since is not None and one.at < since:
                tally[PAST] += 1
            else:
                truths.append(one)
                yield one.entity, one.at

    for vector in vectors(plan, moments(), seen.as_known()):
        one = truths.pop()  # each vector is made before the next moment is looked for
        truth = {"target": one.cell, "target_at": one.of, "target_known_at": one.known_at}
        yield {"entity": one.entity, "at": one.at, **vector, **truth}


async def pages(
    db: Database, blobs: Blobs, workspace: str, up_to: int, folder: Path
) -> AsyncIterator[list[dict[str, Any]]]:
    """Observations up to a number, a page at a time, in the order in which they were taken.

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
            yield page
            after = page[-1]["seq"]
            continue
        path = folder / "part.parquet"
        try:
            await blobs.get_file(part.blob, path)
        except BlobNotFound as error:
            raise Unavailable(f"a part of {workspace} was written anew: {error}") from error
        batches = files.pages(path)
        while page := await asyncio.to_thread(next, batches, []):
            if page := [row for row in page if after < row["seq"] <= up_to]:
                yield page
        after = part.last_seq
