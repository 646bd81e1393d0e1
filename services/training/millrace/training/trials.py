"""The trials of a search: runs like others, asked for when one ends."""

import json
from uuid import UUID

from millrace.chassis import Job, Transaction
from millrace.events import Cause
from millrace.training import domain, runs, spendings, study
from millrace.training.domain import Limit, Trial
from millrace.training.plan import Plan


async def proceed(job: Job, tx: Transaction, cycle_id: UUID, plan: Plan, daily: Limit, cause: Cause) -> None:
    """Asks for as many trials as may begin now. The cycle is locked: of two workers the second sees the first's."""
    if plan.search is None or not await runs.lock(tx, cycle_id):
        return
    spent = await spendings.of_cycle(tx, cycle_id)
    day = daily.spent(await spendings.of_day(tx, job.workspace, tx.now.date()))
    while True:
        made = await of_cycle(tx, cycle_id)
        so_far = [one.run for one in made]
        over = domain.over(plan.search, so_far, spent, day)
        if not over and not domain.wanted(plan.search, so_far):
            return
        asked = (
            None
            if over
            else study.next_trial(plan.search, cycle_id, made, plan.settings, plan.metric, lower=plan.lower)
        )
        if asked is None:
            await runs.searched(tx, cycle_id, over or "everything in its space was tried")
            return
        await runs.queue(tx, job.workspace, cycle_id, [asked], first=len(made) + 1)
        await tx.schedule("run", key=str(asked.run_id), workspace=job.workspace, cause=cause, cycle_id=cycle_id)


async def of_cycle(tx: Transaction, cycle_id: UUID) -> list[Trial]:
    """In the order of their numbers."""
    judged: dict[UUID, dict[int, float]] = {}
    for row in await tx.fetch(
        "SELECT j.* FROM judgements j JOIN runs r ON r.id = j.run_id WHERE r.cycle_id = $1", cycle_id
    ):
        judged.setdefault(row["run_id"], {})[row["quarter"]] = row["score"]
    return [
        Trial(runs.as_run(row), json.loads(row["parameters"]) | json.loads(row["asked"]), judged.get(row["id"], {}))
        for row in await runs.of_cycle(tx, cycle_id)
    ]
