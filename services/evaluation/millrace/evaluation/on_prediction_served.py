"""prediction.served -> rollout.judged: a canary's errors and latency, and how slow production usually is"""

from collections.abc import Sequence
from datetime import timedelta

from millrace.chassis import Transaction, handles
from millrace.evaluation import rollouts
from millrace.evaluation.domain.canary import Canary
from millrace.evaluation.domain.step import Step, came_at, unit_of
from millrace.evaluation.store import steps, units
from millrace.events import PredictionServed, RolloutJudged

ANSWERED = timedelta(seconds=3)
"""By then both arms have answered what came: serving gives a canary two seconds, and then lets production answer."""


@handles(PredictionServed, emits=[RolloutJudged])
async def on_prediction_served(events: Sequence[PredictionServed], tx: Transaction) -> None:
    await _learn_slowness(tx, events)
    for workspace, step in (await steps.load_open(tx, {event.workspace for event in events})).items():
        served = [event for event in events if event.workspace == workspace]
        counted = [event for event in served if step.counts(event)] if step.step == "canary" else []
        if isinstance(step.evidence, Canary) and counted:
            await _watch(tx, step, step.evidence, counted)
        until = max(event.known_at for event in served)
        await rollouts.settle(tx, step, until=until, cause=served[-1], changed=bool(counted))


async def _watch(tx: Transaction, step: Step, canary: Canary, events: Sequence[PredictionServed]) -> None:
    firsts: dict[str, PredictionServed] = {}
    for event in events:
        known = firsts.setdefault(unit_of(event), event)
        # where a canary failed, production answered in its place: the unit is the canary's all the same
        if event.arm == "canary" and known.arm != "canary":
            firsts[unit_of(event)] = event
    due = {unit: (event.arm == "canary", came_at(event) + step.delay + ANSWERED) for unit, event in firsts.items()}
    new = await units.serve(tx, step, due)
    for event in events:
        if firsts[unit_of(event)] is event and unit_of(event) in new:
            failed = event.error is not None or event.late
            canary.serve(canary=event.arm == "canary", failed=failed, latency_ms=event.latency_ms)


async def _learn_slowness(tx: Transaction, events: Sequence[PredictionServed]) -> None:
    """From production's answers while nothing else is tried, which would slow it down too."""
    answers = [event for event in events if event.arm == "production" and event.error is None]
    tried = await steps.routed(tx, {(event.workspace, event.revision) for event in answers}) if answers else set()
    quiet = [event for event in answers if (event.workspace, event.revision) not in tried]
    if not quiet:
        return
    known = await steps.load_slowness(tx, {(event.workspace, event.version) for event in quiet})
    for event in quiet:
        known[event.workspace, event.version].observe(event.latency_ms)
    await steps.save_slowness(tx, known)
