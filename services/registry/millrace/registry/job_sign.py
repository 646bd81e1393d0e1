"""Versions that were registered before there were signatures are looked at once more, and signed."""

from millrace.chassis import Blobs, Job, works
from millrace.chassis.signatures import Signer
from millrace.events import Signature
from millrace.registry import changes, domain, inspection, ledger, store
from millrace.registry.ledger import MOVES


@works("sign", emits=MOVES)
async def job_sign(job: Job, *, blobs: Blobs, signer: Signer) -> None:
    async with job.transaction("look") as tx:
        unsigned = await store.unsigned(tx, job.workspace)
        standing = await store.load(tx, job.workspace, versions=unsigned)
    signatures: dict[str, Signature] = {}
    problems: dict[str, str] = {}
    for version_id in unsigned:
        deployment = standing.version(version_id).deployment
        if problem := await inspection.problem_of(deployment, blobs):
            problems[version_id] = problem
        elif signature := signer.sign(deployment).signature:
            signatures[version_id] = signature
    async with job.finish() as tx:
        standing = await store.load(tx, job.workspace, versions=unsigned)
        turn = domain.sign_first(standing, signatures, problems)
        changed = changes.between(standing, turn.standing, trained=None, now=tx.now)
        await ledger.record(tx, job.cause("signed"), turn, changed)
