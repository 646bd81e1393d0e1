"""Makes a table of features that somebody asked for."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory
from uuid import UUID

from millrace.chassis import Blobs, Database, Job, Unavailable, works
from millrace.datasets import observation_files as files
from millrace.datasets import observations, shelving
from millrace.datasets.tabulating import tabulate
from millrace.workspace import Workspace


@works("tabulate")
async def job_tabulate(job: Job, *, db: Database, blobs: Blobs) -> None:
    id = UUID(job.key)
    async with job.transaction("look") as tx:
        asked = await observations.table(tx, id)
        aged = await observations.aged_before(tx, job.workspace)
    if asked["state"] != "waiting":
        return
    blob = f"{job.workspace}/features/{id}-{job.token}.parquet"
    with TemporaryDirectory() as folder:
        spec = Workspace.read(asked["spec"])
        path, tally = await tabulate(db, blobs, spec, asked["rows_up_to"], aged, Path(folder))
        digest, size = await asyncio.to_thread(files.measured, path)
        await shelving.shelve(job, blobs, blob, path)
    made = observations.Made(blob, digest, size, tally.pop("rows"), tally)
    async with job.finish() as tx:
        if aged != await observations.aged_before(tx, job.workspace):
            raise Unavailable(f"observations of {job.workspace} came to be past their retention meanwhile")
        await shelving.claim(tx, job.workspace, blob)
        if not await observations.made(tx, id, made):
            await shelving.stray(tx, job.workspace, [blob])
    await shelving.sweep(db, blobs, job.workspace)
