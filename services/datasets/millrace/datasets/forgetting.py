"""Takes a person out of observations: of the buffer, of every part, and of the tables made of them."""

import asyncio
from pathlib import Path
from tempfile import TemporaryDirectory

from millrace.chassis import Blobs, Database, Job
from millrace.datasets import observation_files as files
from millrace.datasets import observations, shelving

STEP = 2000


async def forget(job: Job, db: Database, blobs: Blobs, subject: str) -> int:
    """Erases all that was observed of a person; how many observations this call erased. Safe to be called again."""
    workspace, erased, step = job.workspace, 0, STEP
    while step == STEP:
        async with job.transaction("buffer") as tx:
            step = await observations.erase_observations(tx, workspace, subject, STEP)
        erased += step
    async with job.transaction("names") as tx:
        names = await observations.names_of(tx, workspace, subject)
    if names:
        erased += await _parts(job, blobs, names)
        async with job.transaction("tables") as tx:
            await observations.discard(tx, workspace, "somebody in it was forgotten; ask for it again")
            await observations.forget_names(tx, workspace, names)
    await shelving.sweep(db, blobs, workspace, unclaimed=True)
    return erased


async def _parts(job: Job, blobs: Blobs, names: list[str]) -> int:
    """Each part is written anew without them, takes the place of the old one, and only then the old one goes."""
    erased = 0
    while True:
        async with job.transaction("look") as tx:
            part = await observations.part_of(tx, job.workspace, names)
        if part is None:
            return erased
        blob = f"{job.workspace}/observations/{job.id}-{job.token}-{part.number}.parquet"
        with TemporaryDirectory() as folder:
            old, new = Path(folder) / "old.parquet", Path(folder) / "new.parquet"
            await blobs.get_file(part.blob, old)
            stay, gone = await asyncio.to_thread(files.without, old, new, names)
            _, size = await asyncio.to_thread(files.measured, new)
            await shelving.shelve(job, blobs, blob, new)
        async with job.transaction("part") as tx:
            await observations.lock(tx, job.workspace)
            await shelving.claim(tx, job.workspace, blob)
            await observations.swap_part(tx, job.workspace, part, names, blob, stay, size)
        erased += gone
