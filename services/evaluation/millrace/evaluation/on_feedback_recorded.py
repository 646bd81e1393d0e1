"""feedback.recorded -> rollout.judged: labels that judge, bad words that harm"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.evaluation import rollouts
from millrace.evaluation.domain.step import Step, judges, unit_of
from millrace.evaluation.store import steps, units
from millrace.events import FeedbackRecorded, RolloutJudged


@handles(FeedbackRecorded, emits=[RolloutJudged])
async def on_feedback_recorded(events: Sequence[FeedbackRecorded], tx: Transaction) -> None:
    for workspace, step in (await steps.load_open(tx, {event.workspace for event in events})).items():
        said = [event for event in events if event.workspace == workspace]
        for event in said:
            if step.counts(event):
                await _note(tx, step, event)
        await rollouts.settle(tx, step, until=max(event.known_at for event in said), cause=said[-1])


async def _note(tx: Transaction, step: Step, event: FeedbackRecorded) -> None:
    due_at = event.predicted_at + step.delay
    candidate = event.arm != "production"
    if judges(event):
        correct = bool(event.correct)
        await units.label(tx, step, event.request_id, unit_of(event), due_at, candidate=candidate, correct=correct)
    elif (
        event.kind == "rating" and float(event.value) < 0 and step.step == "canary" and await _may_vote(tx, step, event)
    ):
        await units.blame(tx, step, unit_of(event), canary=candidate, due_at=due_at, at=event.occurred_at)


async def _may_vote(tx: Transaction, step: Step, event: FeedbackRecorded) -> bool:
    """Of those we don't trust, one bad word each."""
    return event.trusted or bool(await units.first(tx, step, "voted", [event.actor or unit_of(event)]))
