"""Takes a person, or what is past its retention, out of observations: of the buffer, of every part, of the tables."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from millrace.chassis import BlobNotFound, Blobs, Database, Job, Transaction, Unavailable
from millrace.datasets import observation_files as files
from millrace.datasets import observations, shelving
from millrace.datasets.metrics import ERASED

STEP = 2000

Count = Callable[[Transaction, int], Awaitable[None]]
"""Writes down how many observations a transaction erases, so that what a killed worker has done is counted too."""

Find = Callable[[Transaction], Awaitable[observations.Part | None]]
Went = Callable[[Transaction, observations.Observed, observations.Content], Awaitable[None]]
"""What the transaction that puts a part in another's place says of those that went."""


class WrittenMeanwhile(Unavailable):
    def __init__(self, workspace: str, part: int) -> None:
        super().__init__(f"part {part} of {workspace} was written anew meanwhile")
        self.workspace = workspace
        self.part = part


async def forget(job: Job, db: Database, blobs: Blobs, subject: str, count: Count) -> None:
    """Erases all that was observed of a person. Safe to be called again."""
    workspace, step = job.workspace, STEP
    while step == STEP:
        async with job.transaction("buffer") as tx:
            step = await observations.erase_observations(tx, workspace, subject, STEP)
            await count(tx, step)
    async with job.transaction("names") as tx:
        names = await observations.names_of(tx, workspace, subject)
    if names:

        async def went(tx: Transaction, observed: observations.Observed, content: observations.Content) -> None:
            await count(tx, content.gone)

        await _parts(job, blobs, lambda tx: observations.part_of(tx, workspace, names), files.not_of(names), went)
        async with job.transaction("tables") as tx:
            await observations.discard(tx, workspace, "somebody in it was forgotten; ask for it again")
            await observations.forget_names(tx, workspace, names)
    await shelving.sweep(db, blobs, workspace, unclaimed=True)


async def outlive(job: Job, db: Database, blobs: Blobs, before: datetime) -> None:
    """Erases what was known before a time. Safe to be called again."""
    workspace, step = job.workspace, STEP
    while step == STEP:
        async with job.transaction("aged") as tx:
            step = await observations.age(tx, workspace, before, STEP)
            tx.after_commit.append(partial(ERASED.labels("retention").inc, step))
    find, stays = partial(observations.part_with_older, workspace=workspace, before=before), files.known_since(before)
    await _parts(job, blobs, find, stays, _aged)
    async with job.transaction("names") as tx:
        await observations.forget_unseen(tx, workspace)
    await shelving.sweep(db, blobs, workspace)


async def _aged(tx: Transaction, observed: observations.Observed, content: observations.Content) -> None:
    observed.aged(content.gone_to)
    await observations.save(tx, observed)
    tx.after_commit.append(partial(ERASED.labels("retention").inc, content.gone))


async def _parts(job: Job, blobs: Blobs, find: Find, stays: files.Stays, went: Went) -> None:
    """Each part is written anew with what stays, takes the place of the old one, and only then the old one goes."""
    while True:
        async with job.transaction("look") as tx:
            part = await find(tx)
        if part is None:
            return
        await _thin(job, blobs, part, stays, went)


async def _thin(job: Job, blobs: Blobs, part: observations.Part, stays: files.Stays, went: Went) -> None:
    """Raises WrittenMeanwhile."""
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
            await shelving.shelve(job, blobs, {blob: new})
    async with job.transaction("part") as tx:
        observed = await observations.lock(tx, job.workspace)
        if content.rows:
            await shelving.claim(tx, job.workspace, [blob])
        if not await observations.swap_part(tx, job.workspace, part, blob, size, content):
            raise WrittenMeanwhile(job.workspace, part.number)
        await went(tx, observed, content)
