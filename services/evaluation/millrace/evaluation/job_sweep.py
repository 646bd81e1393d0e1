"""sweep: the rows of a closed step go, some at a time"""

from millrace.chassis import Job, works
from millrace.evaluation.store import units


@works("sweep")
async def job_sweep(job: Job) -> None:
    left = True
    while left:
        async with job.transaction() as tx:
            left = await units.sweep(tx, job.workspace, int(job.payload["revision"]))
