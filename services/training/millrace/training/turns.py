"""One turn: load the track, decide, save, carry out."""

from collections.abc import Callable
from datetime import timedelta

import structlog

from millrace.chassis import Transaction
from millrace.events import Cause, RetrainingRequested, TrainingFailed
from millrace.training import metrics, runs, store
from millrace.training.domain import Alerted, Closed, Cycle, GaveUp, Ignored, Opened, Track, Turn

log = structlog.get_logger()

MOVES = (RetrainingRequested, TrainingFailed)
SLACK = timedelta(minutes=15)
"""How long after a cycle's deadline training waits for datasets to say that it has passed."""


async def take(tx: Transaction, cause: Cause, workspace: str, decide: Callable[[Track], Turn]) -> Turn:
    track = await store.load(tx, workspace)
    turn = decide(track)
    await _close_first(tx, turn)
    await store.save(tx, track, turn.track)
    for decision in turn.decisions:
        match decision:
            case Opened(cycle):
                await _request(tx, cause, workspace, cycle)
            case GaveUp(cycle, reason):
                await _give_up(tx, cause, workspace, cycle, reason)
            case Alerted():
                await _alert(tx, workspace, decision)
            case Ignored(what, reason):
                log.info("nothing to do", workspace=workspace, what=what, because=reason)
    return turn


async def _close_first(tx: Transaction, turn: Turn) -> None:
    """A workspace has one open cycle in the database too: the old one ends before the next is written."""
    for decision in turn.decisions:
        if isinstance(decision, Closed):
            await store.close(tx, decision)
            because, outcome = decision.cycle.because, decision.outcome
            tx.after_commit.append(metrics.CYCLES.labels(because, outcome).inc)


async def _request(tx: Transaction, cause: Cause, workspace: str, cycle: Cycle) -> None:
    tx.emit(
        RetrainingRequested.caused_by(
            cause,
            occurred_at=cycle.opened_at,
            cycle_id=cycle.id,
            workspace=workspace,
            because=cycle.because,
            attempt=cycle.attempt,
            deadline=cycle.deadline,
            workspace_revision=cycle.workspace_revision,
            min_labels=cycle.min_labels,
            change_point=cycle.change_point,
            version=cycle.version,
            drift_id=str(cycle.drift_id) if cycle.drift_id else None,
            dataset=cycle.dataset,
            note=cycle.note,
            asked_by=cycle.asked_by,
        )
    )
    await set_timer(tx, cause, workspace, cycle, "waiting", after=cycle.deadline + SLACK - tx.now)


async def set_timer(
    tx: Transaction, cause: Cause, workspace: str, cycle: Cycle, state: str, *, after: timedelta
) -> None:
    """Something happens to a cycle that is still in this state by then."""
    await tx.schedule(
        "overdue",
        key=f"{cycle.id}/{state}",
        workspace=workspace,
        cause=cause,
        payload={"cycle": str(cycle.id), "state": state, "after": after.total_seconds()},
        at=tx.now + after,
        cycle_id=cycle.id,
    )


async def _give_up(tx: Transaction, cause: Cause, workspace: str, cycle: Cycle, reason: str) -> None:
    made = [runs.summary(row) for row in await runs.of_cycle(tx, cycle.id)]
    tx.emit(
        TrainingFailed.caused_by(
            cause, cycle_id=cycle.id, workspace=workspace, reason=reason, attempt=cycle.attempt, runs=made
        )
    )


async def _alert(tx: Transaction, workspace: str, alerted: Alerted) -> None:
    await store.alert(tx, workspace, alerted)
    log.error("a person is needed", workspace=workspace, kind=alerted.kind, because=alerted.reason)
    tx.after_commit.append(metrics.ALERTS.labels(alerted.kind).inc)
