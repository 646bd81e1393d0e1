"""Once a day: what is past `data.retention` is erased, versions past those that are kept lose their rows."""

from datetime import timedelta

from millrace.chassis import Blobs, Database, Job, Table, works
from millrace.datasets import store
from millrace.datasets.daily import housekeep_next
from millrace.datasets.domain import parts
from millrace.datasets.forgetting import outlive
from millrace.datasets.profiling import FORMS
from millrace.workspace import Workspace

LATE = timedelta(days=30)
"""How long a tombstone waits for rows that come late: well past the retention of every topic that they come on."""


@works("housekeep")
async def job_housekeep(
    job: Job, *, db: Database, blobs: Blobs, workspaces: Table[Workspace], keep_versions: int
) -> None:
    async with job.transaction("next") as tx:  # first, so that a day that fails does not end the days
        await housekeep_next(tx, job.workspace, job.cause("next"))
    spec = await workspaces.get(job.workspace)
    aged, payload = "", dict[str, str]()
    if spec.data.retention:
        aged, before = await _mark_aged(job, spec.data.retention), job.cause("aged").known_at - spec.data.retention
        await outlive(job, db, blobs, before)
        if spec.target is not None:
            aged, payload = await _age_moments(job), {"before": before.isoformat()}
    if keep_versions:
        await _empty(job, db, blobs, keep_versions)
    async with job.finish() as tx:
        await store.erasures.drop_old(tx, job.workspace, tx.now - LATE)
        if aged:
            key = f"{job.workspace}/{aged}"
            cause = job.cause("aged")
            await tx.schedule(
                "erase", key=key, workspace=job.workspace, cause=cause, payload={"erasure": aged, **payload}
            )


async def _age_moments(job: Job) -> str:
    """The name of the erasure, in which versions of moments are looked through too."""
    name = _name(job)
    async with job.transaction("moments") as tx:
        corpus = await store.lock(tx, job.workspace)
        await store.erasures.age_moments(tx, corpus, name)
        await store.save(tx, corpus)
    return name


def _name(job: Job) -> str:
    return f"retention-{job.key.rpartition('/')[2]}"


async def _mark_aged(job: Job, retention: timedelta) -> str:
    """The name of the erasure of what is too old; empty where nothing is."""
    name, found = _name(job), False
    while True:
        async with job.transaction("aged") as tx:
            corpus = await store.lock(tx, job.workspace)
            marked = await store.erasures.erase_aged(tx, corpus, name, tx.now - retention)
            await store.save(tx, corpus)
        if not marked:
            return name if found or await _open(job, name) else ""
        found = True


async def _open(job: Job, name: str) -> bool:
    """Whether an attempt before this one has marked rows."""
    async with job.transaction("look") as tx:
        return await store.erasures.is_open(tx, job.workspace, name)


async def _empty(job: Job, db: Database, blobs: Blobs, keep: int) -> None:
    """What says that the rows are gone commits first; what a killed worker leaves is found by the next erasure."""
    async with db.reading() as tx:
        surplus = await store.surplus(tx, job.workspace, keep)
    for version in surplus:
        async with job.transaction("empty") as tx:
            await store.lock(tx, job.workspace)
            if not await store.empty(tx, version.digest):
                continue
            gone = await store.unshared(tx, version, [file["rows"] for file in parts(version.body).values()])
            gone += [version.profile + form for form in FORMS] if version.profile else []
            for blob in gone:
                await store.erasures.announce(tx, job.workspace, blob)
        for blob in gone:
            await blobs.delete(blob)
        async with job.transaction("emptied") as tx:
            await store.erasures.cleared(tx, job.workspace, gone)
