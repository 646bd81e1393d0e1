"""Makes a table of features that somebody asked for."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from millrace.chassis import Blobs, Database, Job, Unavailable, works
from millrace.datasets import observation_files as files
from millrace.datasets import observations, shelving
from millrace.datasets.tabulating import tabulate


@works("tabulate")
async def job_tabulate(job: Job, *, db: Database, blobs: Blobs) -> None:
    id = UUID(job.key)
    async with job.transaction("look") as tx:
        asked = await observations.table(tx, id)
        gone_to = await observations.gone_to(tx, job.workspace)
    if asked["state"] != "waiting":
        return
    blob = f"{job.workspace}/features/{id}-{job.token}.parquet"
    with TemporaryDirectory() as folder:
        table = await tabulate(db, blobs, asked, gone_to, Path(folder))
        digest, size = await asyncio.to_thread(files.measured, table.path)
        await shelving.shelve(job, blobs, blob, table.path)
    made = observations.Made(blob, digest, size, table.rows, table.left_out, table.unused)
    async with job.finish() as tx:
        if gone_to != await observations.gone_to(tx, job.workspace):
            raise Unavailable(f"observations of {job.workspace} came to be past their retention meanwhile")
        await shelving.claim(tx, job.workspace, blob)
        if not await observations.made(tx, id, made):
            await shelving.stray(tx, job.workspace, [blob])
    await shelving.sweep(db, blobs, job.workspace)
