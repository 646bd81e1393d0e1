"""tidy: once a day for each workspace with a corpus, documents past the declared retention go"""

from datetime import datetime, timedelta

from millrace.chassis import Job, Table, Transaction, works
from millrace.events import Cause
from millrace.serving.store import retrieval
from millrace.workspace import Workspace

STEP = 500


async def tidy_at(tx: Transaction, workspace: str, at: datetime, cause: Cause) -> None:
    """Queues a day's job, once."""
    await tx.schedule("tidy", key=f"{workspace}/{at:%Y-%m-%d}", workspace=workspace, cause=cause, at=at)


@works("tidy")
async def job_tidy(job: Job, *, specs: Table[Workspace]) -> None:
    spec = await specs.get(job.workspace)
    gone = STEP if spec.data.retention else 0
    while gone and spec.data.retention:
        async with job.transaction() as tx:
            gone = await retrieval.expire(tx, job.workspace, tx.now - spec.data.retention, STEP)
    async with job.finish() as tx:
        if await retrieval.each_corpus(tx, job.workspace):
            await tidy_at(tx, job.workspace, tx.now + timedelta(days=1), job.cause("next"))
