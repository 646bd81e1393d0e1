"""The candidates of a cycle, each a run of its own."""

from functools import partial
from uuid import UUID

from millrace.chassis import Blobs, Job, Table, Unprocessable, works
from millrace.events import TrainingStarted
from millrace.training import domain, plan, runs, store, turns
from millrace.training.declared import Declared
from millrace.training.rows import read_training
from millrace.training.turns import MOVES


@works("plan", emits=[TrainingStarted, *MOVES])
async def job_plan(job: Job, *, blobs: Blobs, specs: Table[Declared]) -> None:
    cycle_id = UUID(job.key)
    declared = await specs.get(job.workspace)
    train = declared.spec.train
    async with job.transaction("look") as tx:
        manifest = await store.manifest(tx, cycle_id)
    try:
        training = await read_training(blobs, manifest)
    except Unprocessable as error:
        await _give_up(job, cycle_id, f"the dataset can't be read: {error}")
        return
    async with job.finish() as tx:
        cycle = (await store.load(tx, job.workspace)).cycle
        if cycle is None or cycle.id != cycle_id or cycle.state != "training":
            return
        planned = domain.candidates(
            cycle_id,
            bases=train.bases,
            methods=cycle.methods or train.methods,
            most=train.trials,
            untrusted=training.untrusted > 0,
        )
        await plan.keep(tx, cycle_id, plan.Plan.of(declared))
        await runs.queue(tx, job.workspace, cycle_id, planned)
        cause = job.cause("planned")
        for candidate in planned:
            key = str(candidate.run_id)
            await tx.schedule("run", key=key, workspace=job.workspace, cause=cause, cycle_id=cycle_id)
        told = [runs.summary(row) for row in await runs.of_cycle(tx, cycle_id)]
        tx.emit(TrainingStarted.caused_by(cause, workspace=job.workspace, dataset=cycle.dataset, runs=told))


async def _give_up(job: Job, cycle_id: UUID, reason: str) -> None:
    async with job.finish() as tx:
        decide = partial(domain.give_up, cycle_id=cycle_id, reason=reason)
        await turns.take(tx, job.cause("gave up"), job.workspace, decide)
