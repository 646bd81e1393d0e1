"""erase: a person's quarantined records -> erasure.confirmed"""

from millrace.chassis import Job, erasure, works
from millrace.events import ErasureConfirmed
from millrace.ingestion import store


@works("erase", emits=[ErasureConfirmed])
async def job_erase(job: Job) -> None:
    await erasure.carry_out(job, store.erase)
