"""What is left of a release, drop or replay after its first step."""

from datetime import datetime
from functools import partial
from uuid import UUID

from millrace.chassis import Clock, Database, Job, works
from millrace.ingestion.quarantine import ACCEPTS, REST, step
from millrace.ingestion.taking import Rules


@works("quarantine", emits=ACCEPTS)
async def job_quarantine(job: Job, *, db: Database, rules: Rules, clock: Clock) -> None:
    """A worker that takes it up again starts where the job did: what was settled is held no more."""
    rest = REST.validate_python(job.payload)
    after: tuple[datetime, UUID] | None = rest.after
    while after is not None:
        writing = partial(job.transaction, "settle")
        done = await step(rest.ask, rules, reading=db.reading, writing=writing, now=clock.now(), after=after)
        after = done.after
