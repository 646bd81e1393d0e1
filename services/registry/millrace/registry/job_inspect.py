"""A trained model's files are looked at before anything loads them."""

from pathlib import PurePosixPath

from millrace.chassis import Blobs, Job, works
from millrace.registry import domain, ledger, store
from millrace.registry.ledger import MOVES

SAFE = frozenset({".safetensors", ".json", ".txt"})
"""What is data only, whoever wrote it: weights as safetensors, trees and vocabularies as text."""


@works("inspect", emits=MOVES, concurrency=2)
async def job_inspect(job: Job, *, blobs: Blobs) -> None:
    async with job.transaction("look") as tx:
        standing = await store.load(tx, job.workspace, versions=[job.key])
        artifact = standing.version(job.key).deployment.artifact
    problem = wrong([key async for key in blobs.each(f"{artifact.rstrip('/')}/")])
    async with job.finish() as tx:
        standing = await store.load(tx, job.workspace, versions=[job.key])
        turn = domain.inspected(standing, job.key, problem)
        await store.save(tx, standing, turn.standing)
        await ledger.record(tx, job.cause("inspected"), turn)


def wrong(keys: list[str]) -> str | None:
    """Why an artifact must not be loaded; None where nothing speaks against it."""
    if not keys:
        return "the artifact is not there"
    unsafe = sorted(name for key in keys if (name := PurePosixPath(key).name) and PurePosixPath(key).suffix not in SAFE)
    if unsafe:
        return f"{', '.join(unsafe)}: only safetensors, JSON and text are loaded, since other formats can run code"
    return None
