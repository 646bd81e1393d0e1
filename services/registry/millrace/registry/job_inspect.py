"""A trained model's files are looked at before anything loads them; what passes is signed."""

from millrace.chassis import Blobs, Job, works
from millrace.chassis.signatures import Signer
from millrace.registry import changes, domain, inspection, ledger, store
from millrace.registry.ledger import MOVES


@works("inspect", emits=MOVES, concurrency=4)
async def job_inspect(job: Job, *, blobs: Blobs, signer: Signer) -> None:
    async with job.transaction("look") as tx:
        standing = await store.load(tx, job.workspace, versions=[job.key])
    deployment = standing.version(job.key).deployment
    problem = await inspection.problem_of(deployment, blobs)
    signature = None if problem else signer.sign(deployment).signature
    async with job.finish() as tx:
        standing = await store.load(tx, job.workspace, versions=[job.key])
        turn = domain.inspected(standing, job.key, problem, signature)
        changed = changes.between(standing, turn.standing, trained=None, now=tx.now)
        await ledger.record(tx, job.cause("inspected"), turn, changed)
