"""feedback.recorded -> rollout.judged: labels that judge, bad words that harm"""

from collections.abc import Sequence
from dataclasses import replace

from millrace.chassis import Transaction, handles
from millrace.evaluation import rollouts
from millrace.evaluation.domain.step import Step, judges, unit_of, was_right
from millrace.evaluation.store import steps, units
from millrace.evaluation.store.units import Label
from millrace.events import FeedbackRecorded, RolloutJudged


@handles(FeedbackRecorded, emits=[RolloutJudged])
async def on_feedback_recorded(events: Sequence[FeedbackRecorded], tx: Transaction) -> None:
    for workspace, step in (await steps.load_open(tx, {event.workspace for event in events})).items():
        said = [event for event in events if event.workspace == workspace]
        counted = [event for event in said if step.counts(event)]
        await _label(tx, step, [event for event in counted if judges(event)])
        if step.step == "canary":
            await _blame(tx, step, [event for event in counted if event.kind == "rating" and float(event.value) < 0])
        until = max(event.known_at for event in said)
        await rollouts.settle(tx, step, until=until, cause=said[-1], changed=False)


async def _label(tx: Transaction, step: Step, events: Sequence[FeedbackRecorded]) -> None:
    labels: dict[str, Label] = {}
    for event in events:
        known = labels.get(event.request_id) or Label(event.request_id, unit_of(event), event.predicted_at + step.delay)
        right = was_right(event)
        labels[event.request_id] = (
            replace(known, production=right) if event.arm == "production" else replace(known, candidate=right)
        )
    if labels:
        await units.label(tx, step, labels.values())


async def _blame(tx: Transaction, step: Step, events: Sequence[FeedbackRecorded]) -> None:
    """Of those we don't trust, one bad word each."""
    untrusted = {event.actor or unit_of(event) for event in events if not event.trusted}
    may_vote = await units.first(tx, step, "voted", untrusted) if untrusted else set()
    for event in events:
        who = event.actor or unit_of(event)
        if not event.trusted and who not in may_vote:
            continue
        may_vote.discard(who)
        await units.blame(
            tx,
            step,
            unit_of(event),
            canary=event.arm == "canary",
            due_at=event.predicted_at + step.delay,
            at=event.occurred_at,
        )
