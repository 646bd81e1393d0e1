"""Puts answers up for labelling, as many as a retraining lacks labels since the change."""

from datetime import datetime

from millrace.chassis import Job, Table, works
from millrace.feedback import store
from millrace.feedback.domain import draw
from millrace.workspace import Workspace

POPULATION = 20_000


@works("annotate")
async def job_annotate(job: Job, *, workspaces: Table[Workspace], most: int) -> None:
    version, since = job.payload["version"], datetime.fromisoformat(job.payload["since"])
    needed = (await workspaces.get(job.workspace)).train.min_labels
    async with job.finish() as tx:
        lacking = needed - await store.labels_since(tx, job.workspace, version, since)
        if lacking > 0:
            population = await store.candidates(tx, job.workspace, version, since, POPULATION)
            await store.put_up(tx, job.workspace, job.cause_id, draw(population, min(lacking, most), str(job.cause_id)))
