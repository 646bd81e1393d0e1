"""Takes a person, or what is past its retention, out of observations: of the buffer, of every part, of the tables."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory

from millrace.chassis import BlobNotFound, Blobs, Database, Job, Transaction, Unavailable
from millrace.datasets import observation_files as files
from millrace.datasets import observations, shelving

STEP = 2000

Find = Callable[[Transaction], Awaitable[observations.Part | None]]


class WrittenMeanwhile(Unavailable):
    def __init__(self, workspace: str, part: int) -> None:
        super().__init__(f"part {part} of {workspace} was written anew meanwhile")
        self.workspace = workspace
        self.part = part


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
        erased += await _parts(job, blobs, lambda tx: observations.part_of(tx, workspace, names), files.not_of(names))
        async with job.transaction("tables") as tx:
            await observations.discard(tx, workspace, "somebody in it was forgotten; ask for it again")
            await observations.forget_names(tx, workspace, names)
    await shelving.sweep(db, blobs, workspace, unclaimed=True)
    return erased


async def outlive(job: Job, db: Database, blobs: Blobs, before: datetime) -> int:
    """Erases what was known before a time; how many observations this call erased. Safe to be called again."""
    workspace, erased, step = job.workspace, 0, STEP
    while step == STEP:
        async with job.transaction("aged") as tx:
            step = await observations.age(tx, workspace, before, STEP)
        erased += step
    erased += await _parts(
        job, blobs, lambda tx: observations.part_with_older(tx, workspace, before), files.known_since(before)
    )
    async with job.transaction("names") as tx:
        await observations.forget_unseen(tx, workspace)
    await shelving.sweep(db, blobs, workspace)
    return erased


async def _parts(job: Job, blobs: Blobs, find: Find, stays: files.Stays) -> int:
    """Each part is written anew with what stays, takes the place of the old one, and only then the old one goes."""
    erased = 0
    while True:
        async with job.transaction("look") as tx:
            part = await find(tx)
        if part is None:
            return erased
        erased += await _thin(job, blobs, part, stays)


async def _thin(job: Job, blobs: Blobs, part: observations.Part, stays: files.Stays) -> int:
    """How many observations went. Raises WrittenMeanwhile."""
    blob = f"{job.workspace}/observations/{job.id}-{job.token}-{part.number}.parquet"
    with TemporaryDirectory() as folder:
        old, new = Path(folder) / "old.parquet", Path(folder) / "new.parquet"
        try:
            await blobs.get_file(part.blob, old)
        except BlobNotFound as error:
            raise WrittenMeanwhile(job.workspace, part.number) from error
        content = await asyncio.to_thread(files.thinned, old, new, stays)
        _, size = await asyncio.to_thread(files.measured, new)
        if content.rows:
            await shelving.shelve(job, blobs, blob, new)
    async with job.transaction("part") as tx:
        await observations.lock(tx, job.workspace)
        if content.rows:
            await shelving.claim(tx, job.workspace, blob)
        if not await observations.swap_part(tx, job.workspace, part, blob, size, content):
            raise WrittenMeanwhile(job.workspace, part.number)
    return content.gone
