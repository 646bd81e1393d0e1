"""How good a run is on the way; one that falls behind the trials of its search is stopped."""

from uuid import UUID

import structlog

from millrace.chassis import Job, Transaction, Unavailable
from millrace.training import runs, study, trials
from millrace.training.plan import Plan
from millrace.training.worker import Line

log = structlog.get_logger()


class Pruned(Exception):
    """The search stops this run: others were better where it is."""


async def judge(job: Job, cycle_id: UUID, plan: Plan, line: Line) -> None:
    """Keeps it. Raises Pruned, and LeaseLost where another worker has the run. Without Postgres the run goes on."""
    try:
        async with job.transaction(f"judged {line['step']}") as tx:
            await runs.keep_judgement(tx, UUID(job.key), line["step"], line["score"])
            behind = await _behind(tx, UUID(job.key), cycle_id, plan)
    except Unavailable as error:
        log.warning("judgement not kept", run=job.key, because=str(error))
        return
    if behind:
        raise Pruned(behind)


async def _behind(tx: Transaction, run_id: UUID, cycle_id: UUID, plan: Plan) -> str | None:
    if plan.search is None or not plan.search.prune:
        return None
    return study.behind(plan.search, await trials.of_cycle(tx, cycle_id), run_id, plan.metric, lower=plan.lower)
