"""erase: a person's requests that wait or could not be answered, documents that can be searched, and what was
observed of them -> erasure.confirmed"""

from millrace.chassis import Job, Transaction, erasure, works
from millrace.chassis.erasure import Forgotten
from millrace.events import ErasureConfirmed
from millrace.serving import observations, store


@works("erase", emits=[ErasureConfirmed])
async def job_erase(job: Job) -> None:
    """Answers themselves are kept by feedback. A request that is being answered leaves nothing here once it is."""
    await erasure.carry_out(job, _erase)


async def _erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
    observed = await observations.erase_observations(tx, who.workspace, who.subject, most)
    return {**await store.erase(tx, who, most), "observations": observed}
