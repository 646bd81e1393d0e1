"""prune: drops what no window reaches any more, step by step, and looks again while anything is held"""

from millrace.chassis import Job, Table, works
from millrace.features import Plan
from millrace.serving import observations
from millrace.workspace import Workspace

STEP = 2000


@works("prune")
async def job_prune(job: Job, *, specs: Table[Workspace]) -> None:
    plan = Plan.of(await specs.get(job.workspace))
    async with job.transaction() as tx:
        horizons = await observations.horizons(tx, job.workspace, plan)
    for value, until in horizons.items():
        dropped = STEP
        while dropped == STEP:
            async with job.transaction() as tx:
                dropped = await observations.drop(tx, job.workspace, value, until, STEP)
    dropped = STEP
    while dropped == STEP:
        async with job.transaction() as tx:
            dropped = await observations.forget_entities(tx, job.workspace, STEP)
    async with job.finish() as tx:
        if await observations.anything(tx, job.workspace):
            due = observations.pruning(tx.now)
            key, cause = f"{job.workspace}/{due.isoformat()}", job.cause("next")
            await tx.schedule("prune", key=key, workspace=job.workspace, cause=cause, at=due)
