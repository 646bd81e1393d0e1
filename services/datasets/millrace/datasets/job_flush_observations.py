"""Moves observations that wait in Postgres into a Parquet part."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from millrace.chassis import Blobs, Database, Job, Unavailable, works
from millrace.datasets import observation_files as files
from millrace.datasets import observations, shelving


class ErasedMeanwhile(Unavailable):
    def __init__(self, workspace: str) -> None:
        super().__init__(f"observations of {workspace} were erased while a part was made of them")
        self.workspace = workspace


@works("flush-observations")
async def job_flush_observations(job: Job, *, db: Database, blobs: Blobs, part_rows: int) -> None:
    blob = f"{job.workspace}/observations/{job.id}-{job.token}.parquet"
    with TemporaryDirectory() as folder:
        path = Path(folder) / "part.parquet"
        stretch = await _write(job, path, part_rows)
        if stretch.rows:
            await shelving.shelve(job, blobs, {blob: path})
    try:
        await _finish(job, blob, stretch, part_rows)
    except ErasedMeanwhile:
        async with job.transaction("stray") as tx:
            await shelving.stray(tx, job.workspace, [blob])
        await shelving.sweep(db, blobs, job.workspace)
        raise


async def _write(job: Job, path: Path, part_rows: int) -> observations.Stretch:
    first = last = rows = 0
    with files.writer(path, files.PART) as file:
        while rows < part_rows:
            async with job.transaction("read") as tx:
                most = min(files.PAGE, part_rows - rows)
                page = await observations.buffered(tx, job.workspace, after=last, most=most)
            if not page:
                break
            await asyncio.to_thread(files.write, file, files.PART, page)
            first, last, rows = first or page[0]["seq"], page[-1]["seq"], rows + len(page)
    _, size = await asyncio.to_thread(files.measured, path)
    return observations.Stretch(first, last, rows, size)


async def _finish(job: Job, blob: str, stretch: observations.Stretch, part_rows: int) -> None:
    """The part takes the place of what it was made of. Raises ErasedMeanwhile where that is no longer the same."""
    async with job.finish() as tx:
        observed = await observations.lock(tx, job.workspace)
        if stretch.rows:
            await shelving.claim(tx, job.workspace, [blob])
            if not await observations.add_part(tx, observed, blob, stretch):
                raise ErasedMeanwhile(job.workspace)
        observed.flushing = observed.buffered >= part_rows
        await observations.save(tx, observed)
        if observed.flushing:
            key = f"{job.workspace}/{observed.parts + 1}"
            await tx.schedule("flush-observations", key=key, workspace=job.workspace, cause=job.cause("next"))
