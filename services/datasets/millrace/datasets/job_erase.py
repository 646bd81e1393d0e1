"""Takes marked rows out of every file that holds them -> erasure.confirmed"""

from collections import Counter
from datetime import datetime, timedelta
from functools import partial
from pathlib import Path
from tempfile import TemporaryDirectory

from millrace.chassis import BlobNotFound, Blobs, Database, Job, Transaction, dead_letters, works
from millrace.datasets import observations, store
from millrace.datasets.domain import encoded, parts, redacted
from millrace.datasets.forgetting import forget
from millrace.datasets.holding import ErasedMeanwhile, Holding
from millrace.datasets.metrics import ERASED
from millrace.datasets.profiling import FORMS
from millrace.datasets.rewriting import Gone, Keys, Moments, New, rewrite
from millrace.events import ErasureConfirmed

PAUSE = timedelta(seconds=2)
"""How long a second erasure of a workspace waits for the first, which takes out what both have marked."""


@works("erase", emits=[ErasureConfirmed])
async def job_erase(job: Job, *, db: Database, blobs: Blobs) -> None:
    async with job.transaction("turn") as tx:
        await store.lock(tx, job.workspace)
        waits, now = await store.erasures.another_erases(tx, job.workspace, job.id), tx.now
    if waits:
        await job.later(now + PAUSE, "another erasure of the workspace runs")
        return
    holding = await Holding.begin(job)
    keys = await Keys.of(db, job.workspace, holding.turn)
    with TemporaryDirectory() as folder:
        await _parts(holding, keys, db, blobs, Path(folder))
        if keys.first is not None:
            await _versions(holding, keys, keys.first, db, blobs, Path(folder))
        if moments := await _moments(job):
            await _versions(holding, moments, 0, db, blobs, Path(folder))
    await _sweep(holding, db, blobs)
    if subject := job.payload.get("subject"):
        await forget(job, db, blobs, subject, partial(_observed, job))
    await _end(holding)


async def _parts(holding: Holding, keys: Keys, db: Database, blobs: Blobs, folder: Path) -> None:
    job = holding.job
    async with db.reading() as tx:
        found = await store.erasures.parts_with_erased(tx, job.workspace, holding.turn)
    for number, old in found:
        new = await rewrite(
            old, f"{job.workspace}/corpus", keys, blobs=blobs, holding=holding, folder=folder, whole=False
        )
        if new is None:
            continue
        async with job.transaction("part") as tx:
            await store.lock(tx, job.workspace)
            size = new.rewritten.bytes
            if not await store.erasures.swap_part(tx, job.workspace, number, old, new.blob or None, new.sha256, size):
                raise ErasedMeanwhile(job.workspace)
            await store.erasures.announce(tx, job.workspace, old)
            await store.erasures.count(tx, job.workspace, files=1)
            await store.erasures.published(tx, job.workspace)


async def _moments(job: Job) -> Moments | None:
    """What of versions was observed and has to go."""
    if before := job.payload.get("before"):
        return Moments(before=datetime.fromisoformat(before))
    if "subject" not in job.payload:
        return None
    async with job.transaction("who") as tx:
        names = await observations.names_of(tx, job.workspace, job.payload["subject"])
    return Moments(frozenset(names)) if names else None


async def _versions(holding: Holding, keys: Gone, since: int, db: Database, blobs: Blobs, folder: Path) -> None:
    async with db.reading() as tx:
        digests = await store.erasures.versions_since(tx, holding.job.workspace, since)
    for digest in digests:
        async with db.reading() as tx:
            version = await store.version(tx, digest)
        await _version(holding, version, keys, blobs, folder)


async def _version(holding: Holding, version: store.Version, keys: Gone, blobs: Blobs, folder: Path) -> None:
    """New files, then the manifest, then what Postgres says, and only then the old files go."""
    job, new = holding.job, dict[str, New]()
    old = {name: file["rows"] for name, file in parts(version.body).items()}
    for name, blob in old.items():
        made = await _file(holding, blob, keys, blobs, folder)
        if made:
            new[name] = made
    if not new:
        return
    rewritten = {name: one.plain() for name, one in new.items()}
    if "training" in new:
        rewritten["training"]["untrusted"] = new["training"].rewritten.untrusted
    gone = sum((one.rewritten.gone for one in new.values()), Counter())
    sources = sum((one.rewritten.sources for one in new.values()), Counter())
    body = redacted(version.body, rewritten, gone, sources)
    await blobs.put(version.manifest, encoded(body))
    async with job.transaction("version") as tx:
        await store.lock(tx, job.workspace)
        await store.erasures.redact(tx, version.digest, body)
        for name in new:
            await store.erasures.announce(tx, job.workspace, old[name])
        await _profiles(holding, tx, version.digest)
        await store.erasures.count(tx, job.workspace, digest=version.digest, files=len(new))
        await store.erasures.published(tx, job.workspace)


async def _profiles(holding: Holding, tx: Transaction, digest: str) -> None:
    """The profiles that show the version's rows go, and are made anew."""
    job = holding.job
    for shown, name in (await store.drop_profiles(tx, digest)).items():
        for form in FORMS:
            await store.erasures.announce(tx, job.workspace, name + form)
        await tx.schedule(
            "profile",
            key=f"{shown}/{holding.turn}",
            workspace=job.workspace,
            cause=job.cause(f"profile {shown}"),
            payload={"digest": shown},
        )


async def _file(holding: Holding, blob: str, keys: Gone, blobs: Blobs, folder: Path) -> New | None:
    prefix = f"{holding.job.workspace}/datasets/files"
    try:
        return await rewrite(blob, prefix, keys, blobs=blobs, holding=holding, folder=folder, whole=True)
    except BlobNotFound:
        return None  # housekeeping took the version's rows meanwhile


async def _sweep(holding: Holding, db: Database, blobs: Blobs) -> None:
    """Removes what nothing points to any more, and what jobs left that were killed."""
    workspace = holding.job.workspace
    async with db.reading() as tx:
        found = await store.erasures.strays(tx, workspace, holding.turn)
    for blob in found:
        await blobs.delete(blob)
    async with holding.job.transaction("swept") as tx:
        await store.erasures.cleared(tx, workspace, found)


async def _observed(job: Job, tx: Transaction, gone: int) -> None:
    await store.erasures.count_observations(tx, job.workspace, job.payload["erasure"], gone)
    tx.after_commit.append(partial(ERASED.labels("subject").inc, gone))


async def _end(holding: Holding) -> None:
    job, step = holding.job, store.erasures.STEP
    while step == store.erasures.STEP:
        async with job.transaction("keys") as tx:
            step = await store.erasures.drop_erased(tx, job.workspace, holding.turn)
    async with job.finish() as tx:
        erasure = await store.erasures.load_erasure(tx, job.workspace, job.payload["erasure"])
        await store.erasures.end_erasure(tx, erasure)
        tx.after_commit.append(partial(ERASED.labels(erasure.because).inc, erasure.rows))
        if erasure.because != "subject":
            return
        more = {
            "observations": erasure.observations,
            "dead_letters": await dead_letters.erase(tx, job.payload["subject"]),
        }
        tx.emit(
            ErasureConfirmed.caused_by(
                job.cause("erased"),
                workspace=job.workspace,
                erasure=erasure.erasure,
                service="datasets",
                erased={"rows": erasure.rows, "files": erasure.files, **{what: n for what, n in more.items() if n}},
                datasets=erasure.datasets,
                dataset_names=await store.erasures.names(tx, erasure),
            )
        )
