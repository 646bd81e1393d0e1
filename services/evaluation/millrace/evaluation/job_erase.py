"""erase: a person's labelled texts, and rows of suites that are of the person -> erasure.confirmed"""

from collections.abc import Mapping

from millrace.chassis import Job, Transaction, erasure, works
from millrace.chassis.erasure import Forgotten
from millrace.evaluation.store import arrivals, suites
from millrace.events import ErasureConfirmed


@works("erase", emits=[ErasureConfirmed])
async def job_erase(job: Job) -> None:
    await erasure.carry_out(job, _erase)


async def _erase(tx: Transaction, who: Forgotten, most: int) -> Mapping[str, int]:
    return {**await arrivals.erase(tx, who, most), **await suites.erase(tx, who, most)}
