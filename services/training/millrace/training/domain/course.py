"""The course of an open cycle: rows cut, candidates trained, the version staged, the cycle closed."""

from dataclasses import replace
from datetime import datetime
from uuid import UUID

from millrace.events import DatasetFailed, DatasetReleased, ModelStaged
from millrace.training.domain.track import REMEMBERED, Ask, Cycle, Policy, Track
from millrace.training.domain.triggers import open_cycle, weigh_pending
from millrace.training.domain.turn import Alerted, Closed, Cut, GaveUp, Turn

ATTEMPTS = 2
"""Judgements against a drift's candidates after which a person is called."""


def released(track: Track, event: DatasetReleased) -> Turn:
    cycle = track.cycle
    if not cycle or cycle.id != event.cycle_id or cycle.state != "waiting":
        return Turn(track).ignore("dataset.released", "no open cycle waits for it")
    cycle = replace(cycle, state="training", dataset=event.dataset, cut_at=event.occurred_at)
    return Turn(track).keep(cycle=cycle, cut_at=event.occurred_at).decide(Cut(cycle))


def dataset_failed(track: Track, event: DatasetFailed) -> Turn:
    cycle = track.cycle
    if not cycle or cycle.id != event.cycle_id or cycle.state != "waiting":
        return Turn(track).ignore("dataset.failed", "no open cycle waits for it")
    missing = ", ".join(f"{count} of {name}" for name, count in sorted(event.missing.items()))
    return give_up(track, cycle.id, event.reason + (f" (missing: {missing})" if missing else ""))


def give_up(track: Track, cycle_id: UUID, reason: str) -> Turn:
    """No candidate will come. The cycle stays open until registry has written it down."""
    cycle = track.cycle
    if not cycle or cycle.id != cycle_id or cycle.state == "judging":
        return Turn(track).ignore("giving up", "the cycle is past its training")
    return Turn(track).keep(cycle=replace(cycle, state="judging")).decide(GaveUp(cycle, reason))


def picked(track: Track, cycle_id: UUID) -> Turn:
    """A candidate goes to be judged."""
    cycle = track.cycle
    if not cycle or cycle.id != cycle_id or cycle.state != "training":
        return Turn(track).ignore("pick", "the cycle is past its training")
    return Turn(track).keep(cycle=replace(cycle, state="judging"))


def overdue(track: Track, cycle_id: UUID, state: str) -> Turn:
    """A timer of one stage of a cycle rang: what should have come has not."""
    cycle = track.cycle
    if not cycle or cycle.id != cycle_id or cycle.state != state:
        return Turn(track)
    if state == "waiting":
        return give_up(track, cycle_id, "no dataset came by the deadline")
    if state == "training":
        return give_up(track, cycle_id, "the runs did not end in time")
    return Turn(track).decide(Alerted("overdue", "the candidate has not been judged to its end yet", cycle))


def staged(track: Track, event: ModelStaged, policy: Policy, now: datetime) -> Turn:
    """Follows production; a final stage of the open cycle closes it; then what waited is weighed."""
    lost = event.version if event.stage == "rolled-back" and event.version == track.production else None
    turn = _follow(Turn(track), event.route.production.version if event.route.production else None)
    if lost:
        turn = turn.keep(covered=None)
    cycle = track.cycle
    if cycle and event.final and event.cycle_id == cycle.id:
        turn = _close(turn, cycle, event, policy, now)
    elif lost and event.by == "evidence":
        turn = _lost(turn, event, policy, now)
    return turn if turn.track.cycle else weigh_pending(turn, policy, now)


def _follow(turn: Turn, production: str | None) -> Turn:
    before = turn.track.production
    if production == before:
        return turn
    past = tuple(v for v in (*turn.track.past, before) if v and v != production)
    return turn.keep(production=production, past=past[-REMEMBERED:])


def _close(turn: Turn, cycle: Cycle, event: ModelStaged, policy: Policy, now: datetime) -> Turn:
    closed = replace(cycle, state="closed")
    turn = turn.keep(cycle=None, last=closed).decide(Closed(closed, event.stage, event.reason, event.version))
    if event.stage in {"failed", "refused"}:
        return turn.decide(Alerted(event.stage, event.reason, closed, event.version))
    if event.stage == "production" or event.by != "evidence":
        return turn.keep(covered=cycle.cut_at)
    return _judged_against(turn, closed, event, policy, now)


def _lost(turn: Turn, event: ModelStaged, policy: Policy, now: datetime) -> Turn:
    """Production itself was taken back by evidence: to its drift that is one more judgement against."""
    last = turn.track.last
    if turn.track.cycle is None and last and last.id == event.cycle_id:
        return _judged_against(turn, last, event, policy, now)
    return turn.decide(Alerted("rolled-back", event.reason, None, event.version))


def _judged_against(turn: Turn, cycle: Cycle, event: ModelStaged, policy: Policy, now: datetime) -> Turn:
    if cycle.because != "drift":
        return turn
    if cycle.attempt < ATTEMPTS and cycle.version == turn.track.production:
        ask = Ask(
            event.id,
            "drift",
            event.occurred_at,
            version=cycle.version,
            change_point=cycle.change_point,
            min_labels=cycle.min_labels,
            note=f"attempt {cycle.attempt} was {event.stage}: {event.reason}",
        )
        return open_cycle(turn, ask, policy, now, after=cycle)
    reason = f"{cycle.attempt} candidates for one drift were judged against, the last: {event.reason}"
    return turn.keep(covered=cycle.cut_at).decide(Alerted("gave-up", reason, cycle, event.version))
