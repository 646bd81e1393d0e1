"""All runs ended: one is picked by validation, exactly one model.trained; the others stay as runs with the reason."""

import json
from datetime import timedelta
from typing import Any
from uuid import UUID

import asyncpg

from millrace.chassis import Job, works
from millrace.events import ModelTrained
from millrace.training import domain, plan, runs, store, turns
from millrace.training.domain import Cycle
from millrace.training.plan import Plan
from millrace.training.turns import MOVES


@works("pick", emits=[ModelTrained, *MOVES])
async def job_pick(job: Job, *, judging: timedelta) -> None:
    cycle_id = UUID(job.key)
    cause = job.cause("picked")
    async with job.finish() as tx:
        cycle = (await store.load(tx, job.workspace)).cycle
        if cycle is None or cycle.id != cycle_id or cycle.state != "training":
            return
        planned = await plan.load(tx, cycle_id)
        rows = await runs.of_cycle(tx, cycle_id)
        chosen = domain.pick([runs.as_run(row) for row in rows], planned.metric, lower=planned.lower)
        if chosen is None:
            reason = "; ".join(f"{row['method']}: {row['failed']}" for row in rows) or "there was no run"
            await turns.take(tx, cause, job.workspace, lambda track: domain.give_up(track, cycle_id, reason))
            return
        await turns.take(tx, cause, job.workspace, lambda track: domain.picked(track, cycle_id))
        picked = chosen.run.candidate.run_id
        for row in rows:
            why = chosen.why if row["id"] == picked else chosen.why_not[row["id"]]
            await runs.chosen(tx, row["id"], picked=row["id"] == picked, why=why)
        fields = {**_of_cycle(cycle), **_trained(rows, picked, planned)}
        fields["manifest"] = await store.manifest(tx, cycle_id)
        tx.emit(ModelTrained.caused_by(cause, workspace=job.workspace, **fields))
        await turns.set_timer(tx, cause, job.workspace, cycle, "judging", after=judging)


def _of_cycle(cycle: Cycle) -> dict[str, Any]:
    return {
        "dataset": cycle.dataset,
        "attempt": cycle.attempt,
        "change_point": cycle.change_point,
        "asked_by": cycle.asked_by,
    }


def _trained(rows: list[asyncpg.Record], picked: UUID, planned: Plan) -> dict[str, Any]:
    row = next(row for row in rows if row["id"] == picked)
    return {
        "run_id": str(picked),
        "method": row["method"],
        "base": row["base"],
        "task": planned.task,
        "artifact": row["artifact"],
        "digest": row["digest"],
        "labels": row["labels"],
        "workspace_revision": planned.revision,
        "seed": planned.seed,
        "serving": planned.serve,
        "scores": json.loads(row["scores"]),
        "seconds": row["seconds"],
        "environment": json.loads(row["environment"]),
        "parameters": json.loads(row["parameters"]),
        "measured": json.loads(row["measured"]),
        "cost": row["cost"],
        "runs": [runs.summary(one) for one in rows],
    }
