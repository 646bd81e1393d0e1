"""Builds the bands of a new threshold beside those in use, then switches over."""

from millrace.chassis import Job, works
from millrace.dedup import store
from millrace.dedup.domain import Banding

STEP = 1000


@works("reindex")
async def job_reindex(job: Job) -> None:
    """Every step can be repeated. Rows kept while this runs are entered in both layouts by those who keep them."""
    wanted, former = Banding(job.payload["wanted"]), Banding(job.payload["former"])
    after = 0
    while True:
        async with job.transaction("build") as tx:
            corpus = await store.lock(tx, job.workspace, wanted)
            rows = await store.page(tx, job.workspace, after, STEP)
            if not rows:
                await store.switch(tx, corpus, wanted)
                break
            await store.enlist(tx, corpus, wanted, rows)
            after = rows[-1]["seq"]
    await _clear(job, former, wanted)


async def _clear(job: Job, former: Banding, wanted: Banding) -> None:
    after = 0
    while True:
        async with job.transaction("clear") as tx:
            corpus = await store.lock(tx, job.workspace, wanted)
            rows = await store.page(tx, job.workspace, after, STEP)
            # the former layout may be wanted again by now
            if not rows or former in (corpus.layout, corpus.building):
                return
            await store.unlist(tx, corpus, former, rows)
            after = rows[-1]["seq"]
