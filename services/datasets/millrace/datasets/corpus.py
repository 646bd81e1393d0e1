"""The corpus as a stream: parts from S3, then the rows whose text still waits in Postgres."""

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from millrace.chassis import BlobNotFound, Blobs, Database
from millrace.datasets import blobs as files
from millrace.datasets import store
from millrace.datasets.domain import Traits

PAGE = 1000


async def pages(
    db: Database, blobs: Blobs, workspace: str, plan: store.Plan, folder: Path
) -> AsyncIterator[list[tuple[Traits, dict[str, Any]]]]:
    """The rows that stand as a plan sees them, in the order in which they were kept, a page at a time.

    Rows may move from Postgres into a part meanwhile, and a part be rewritten: each step looks anew where the next
    row is. Raises BlobNotFound.
    """
    after, lost = 0, None
    while after < plan.rows_up_to:
        async with db.reading() as tx:
            part = await store.part_after(tx, workspace, after)
            texts = {} if part else await store.texts(tx, workspace, after=after, most=PAGE)
        if part is None:
            if not texts:
                return
            last = min(max(texts), plan.rows_up_to)
            yield await _page(db, workspace, after, last, plan, texts)
            after = last
            continue
        path = folder / "part.parquet"
        try:
            await blobs.get_file(part.blob, path)
        except BlobNotFound:
            if part == lost:
                raise
            lost = part
            continue
        batches = files.texts(path, PAGE)
        while (texts := await asyncio.to_thread(next, batches, {})) and after < plan.rows_up_to:
            last = min(max(texts), plan.rows_up_to)
            yield await _page(db, workspace, after, last, plan, texts)
            after = last
        after = max(after, part.last)


async def _page(
    db: Database, workspace: str, after: int, last: int, plan: store.Plan, texts: dict[int, str]
) -> list[tuple[Traits, dict[str, Any]]]:
    async with db.reading() as tx:
        rows = await store.standing(
            tx,
            workspace,
            after=after,
            last=last,
            up_to=plan.rows_up_to,
            turn=plan.turn,
            set_aside=plan.set_aside,
        )
    return [(store.traits(row, plan.rule), {**row, "text": texts[row["seq"]]}) for row in rows]
