"""expire: at_most is over -> rollout.judged, inconclusive unless the evidence says otherwise"""

from millrace.chassis import Job, works
from millrace.evaluation import rollouts
from millrace.evaluation.store import steps
from millrace.events import RolloutJudged


@works("expire", emits=[RolloutJudged])
async def job_expire(job: Job) -> None:
    async with job.finish() as tx:
        step = await steps.load(tx, job.workspace, int(job.payload["revision"]))
        if step is not None:
            await rollouts.conclude(tx, step, step.expire(), job.cause("expired"))
