"""The corpus as a stream: parts from S3, then the rows whose text still waits in Postgres."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from millrace.chassis import Blobs, Database
from millrace.datasets import blobs as files
from millrace.datasets import store
from millrace.datasets.domain import Rule, Traits

PAGE = 1000


async def pages(
    db: Database, blobs: Blobs, workspace: str, up_to: int, rule: Rule, folder: Path
) -> AsyncIterator[list[tuple[Traits, dict[str, Any]]]]:
    """The rows that stand as of row number `up_to`, in the order in which they were kept, a page at a time.

    Rows may move from Postgres into a part meanwhile: each step looks anew where the next row is.
    """
    after = 0
    while after < up_to:
        async with db.reading() as tx:
            part = await store.part_after(tx, workspace, after)
            texts = {} if part else await store.texts(tx, workspace, after=after, most=PAGE)
        if part is None:
            last = min(max(texts), up_to)
            yield await _page(db, workspace, after, last, up_to, rule, texts)
            after = last
            continue
        path = folder / "part.parquet"
        await blobs.get_file(part, path)
        batches = files.texts(path, PAGE)
        while (texts := await asyncio.to_thread(next, batches, {})) and after < up_to:
            last = min(max(texts), up_to)
            yield await _page(db, workspace, after, last, up_to, rule, texts)
            after = last


async def _page(
    db: Database, workspace: str, after: int, last: int, up_to: int, rule: Rule, texts: dict[int, str]
) -> list[tuple[Traits, dict[str, Any]]]:
    async with db.reading() as tx:
        rows = await store.standing(tx, workspace, after=after, last=last, up_to=up_to)
    return [(store.traits(row, rule), {**row, "text": texts[row["seq"]]}) for row in rows]
