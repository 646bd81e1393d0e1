"""erase: a person's requests that wait, or could not be answered -> erasure.confirmed"""

from millrace.chassis import Job, erasure, works
from millrace.events import ErasureConfirmed
from millrace.serving import store


@works("erase", emits=[ErasureConfirmed])
async def job_erase(job: Job) -> None:
    """Answers themselves are kept by feedback. A request that is being answered leaves nothing here once it is."""
    await erasure.carry_out(job, store.erase)
