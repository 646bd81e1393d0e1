"""erase: a person's labelled texts -> erasure.confirmed"""

from millrace.chassis import Job, erasure, works
from millrace.evaluation.store import arrivals
from millrace.events import ErasureConfirmed


@works("erase", emits=[ErasureConfirmed])
async def job_erase(job: Job) -> None:
    await erasure.carry_out(job, arrivals.erase)
