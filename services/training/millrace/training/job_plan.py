"""The candidates of a cycle, each a run of its own."""

from collections.abc import Sequence
from functools import partial
from uuid import UUID

from millrace.chassis import Blobs, Job, Table, Transaction, Unprocessable, works
from millrace.events import TrainingStarted
from millrace.training import domain, plan, runs, store, trials, turns
from millrace.training.declared import Declared
from millrace.training.rows import read_training
from millrace.training.settings import Settings
from millrace.training.turns import MOVES


@works("plan", emits=[TrainingStarted, *MOVES])
async def job_plan(job: Job, *, blobs: Blobs, specs: Table[Declared], settings: Settings) -> None:
    cycle_id = UUID(job.key)
    declared = await specs.get(job.workspace)
    async with job.transaction("look") as tx:
        manifest = await store.manifest(tx, cycle_id)
    if unknown := _untold(declared, settings):
        await _give_up(job, cycle_id, unknown)
        return
    try:
        training = await read_training(blobs, manifest)
    except Unprocessable as error:
        await _give_up(job, cycle_id, f"the dataset can't be read: {error}")
        return
    async with job.finish() as tx:
        cycle = (await store.load(tx, job.workspace)).cycle
        if cycle is None or cycle.id != cycle_id or cycle.state != "training":
            return
        methods, cause = cycle.methods or declared.spec.train.methods, job.cause("planned")
        search = plan.search_of(declared, methods, untrusted=training.untrusted > 0)
        planned = plan.Plan.of(declared, search, cycle.imported)
        await plan.keep(tx, cycle_id, planned)
        if search is not None:
            await trials.proceed(job, tx, cycle_id, planned, declared.daily, cause)
        else:
            await _queue(job, tx, cycle_id, declared, planned, methods, untrusted=training.untrusted > 0)
        told = [runs.summary(row) for row in await runs.of_cycle(tx, cycle_id)]
        tx.emit(TrainingStarted.caused_by(cause, workspace=job.workspace, dataset=cycle.dataset, runs=told))


def _untold(declared: Declared, settings: Settings) -> str | None:
    """A cost that is bounded, and that nobody tells."""
    train = declared.spec.train
    bounded = [name for name, one in (("search", train.search), ("daily", train.daily)) if one and one.cost is not None]
    if not bounded or settings.hour_costs:
        return None
    return f"train.{bounded[0]}.cost can't be kept: TRAINING_HOUR_COSTS does not say what an hour costs"


async def _queue(
    job: Job,
    tx: Transaction,
    cycle_id: UUID,
    declared: Declared,
    planned: plan.Plan,
    methods: Sequence[str],
    *,
    untrusted: bool,
) -> None:
    train = declared.spec.train
    chosen = domain.candidates(
        cycle_id,
        bases=() if planned.imported else train.bases,  # it brings its own
        methods=methods,
        most=train.trials,
        untrusted=untrusted,
        settings=planned.settings,
    )
    await runs.queue(tx, job.workspace, cycle_id, chosen)
    for candidate in chosen:
        key, cause = str(candidate.run_id), job.cause("planned")
        await tx.schedule("run", key=key, workspace=job.workspace, cause=cause, cycle_id=cycle_id)


async def _give_up(job: Job, cycle_id: UUID, reason: str) -> None:
    async with job.finish() as tx:
        decide = partial(domain.give_up, cycle_id=cycle_id, reason=reason)
        await turns.take(tx, job.cause("gave up"), job.workspace, decide)
