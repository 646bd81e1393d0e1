"""erase: a person's quarantined records, and what is known of them in sources -> erasure.confirmed"""

from collections import Counter

from millrace.chassis import Job, Transaction, erasure, works
from millrace.chassis.erasure import Forgotten
from millrace.events import ErasureConfirmed
from millrace.ingestion import erasures, runs, store


@works("erase", emits=[ErasureConfirmed])
async def job_erase(job: Job) -> None:
    await erasure.carry_out(job, _erase)


async def _erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
    found = Counter(await runs.erase(tx, who, most))
    for source in sorted(found):
        await erasures.still_named(tx, who.workspace, source, {who.subject})
    return {**await store.erase(tx, who, most), "fetched": found.total()}
