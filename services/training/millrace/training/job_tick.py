"""The schedule's timer: looks again until a cycle is due, opens it, and goes on."""

from datetime import timedelta
from functools import partial
from uuid import uuid5

from millrace.chassis import Clock, Job, Table, Transaction, works
from millrace.training import domain, store, turns
from millrace.training.declared import Declared
from millrace.training.turns import MOVES

LOOK = timedelta(hours=1)
"""How soon a changed declaration is noticed."""


@works("tick", emits=MOVES)
async def job_tick(job: Job, *, specs: Table[Declared], clock: Clock) -> None:
    policy = (await specs.get(job.workspace)).policy
    async with job.transaction("tick") as tx:
        await _open_if_due(job, tx, policy)
    async with job.transaction("look") as tx:
        due = domain.due(await store.load(tx, job.workspace), policy, await store.created(tx, job.workspace))
    now = clock.now()
    await job.later(min(due, now + LOOK) if due and due > now else now + LOOK)


async def _open_if_due(job: Job, tx: Transaction, policy: domain.Policy) -> None:
    track = await store.load(tx, job.workspace)
    due = domain.due(track, policy, await store.created(tx, job.workspace))
    if due is None or due > tx.now:
        return
    step = f"due {due.isoformat()}"
    ask = domain.Ask(uuid5(job.id, step), "schedule", tx.now, note=f"due since {due:%Y-%m-%d %H:%M}")
    decide = partial(domain.by_schedule, ask=ask, policy=policy, now=tx.now)
    await turns.take(tx, job.cause(step), job.workspace, decide)
