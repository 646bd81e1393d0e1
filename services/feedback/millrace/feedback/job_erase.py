"""erase: a person's answers, what was said of them, and what the person said -> erasure.confirmed"""

from millrace.chassis import Job, erasure, works
from millrace.events import ErasureConfirmed
from millrace.feedback import store


@works("erase", emits=[ErasureConfirmed])
async def job_erase(job: Job) -> None:
    await erasure.carry_out(job, store.erase)
