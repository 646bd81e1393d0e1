"""Whether a reason to train opens a cycle, waits for the open one's close, or is none."""

from datetime import datetime, timedelta

from millrace.events import DatasetGrown, DriftDetected
from millrace.training.domain.errors import CycleOpen, NotTrained
from millrace.training.domain.track import REMEMBERED, Ask, Cycle, Policy, Track, cycle_id
from millrace.training.domain.turn import Opened, Turn


def drifted(track: Track, event: DriftDetected, policy: Policy, now: datetime) -> Turn:
    ask = Ask(
        event.id, "drift", event.occurred_at, version=event.version, change_point=event.change_point, note=_tell(event)
    )
    if not policy.drift:
        return Turn(track).ignore("drift", "train.on.drift is off")
    return weigh(Turn(track), ask, policy, now)


def grown(track: Track, event: DatasetGrown, policy: Policy, now: datetime) -> Turn:
    """Opens a cycle with or without a production version: it is how a new workspace comes to its first."""
    if not policy.growth:
        return Turn(track).ignore("growth", "train.on.new_documents is off")
    ask = Ask(event.id, "growth", event.occurred_at, note=f"{event.new} new of {event.rows} rows")
    return weigh(Turn(track), ask, policy, now)


def due(track: Track, policy: Policy, since: datetime) -> datetime | None:
    """When the schedule's next cycle is to open: so long after the last one opened, or after `since`."""
    if policy.every is None:
        return None
    last = track.cycle or track.last
    return max(since, last.opened_at if last else since) + policy.every


def by_schedule(track: Track, ask: Ask, policy: Policy, now: datetime) -> Turn:
    if track.production is None or track.cycle:
        return Turn(track).ignore("schedule", "a cycle is open" if track.cycle else "there is no production version")
    return weigh(Turn(track), ask, policy, now)


def by_hand(track: Track, ask: Ask, policy: Policy, now: datetime) -> Turn:
    """Raises NotTrained, or CycleOpen; the same call again (by its key) changes nothing in its own cycle."""
    if policy.untrained:
        raise NotTrained(track.workspace, policy.untrained)
    if track.cycle and track.cycle.id != cycle_id(ask, 1):
        raise CycleOpen(track.workspace, track.cycle.id)
    return weigh(Turn(track), ask, policy, now)


def weigh(turn: Turn, ask: Ask, policy: Policy, now: datetime) -> Turn:
    track = turn.track
    if policy.untrained:
        return turn.ignore(ask.because, str(NotTrained(track.workspace, policy.untrained)))
    if cycle_id(ask, 1) in track.cycles:
        return turn.ignore(ask.because, "it has had its cycle")
    if answered := _answered(track, ask):
        return turn.ignore(ask.because, answered)
    if track.cycle or _ahead(track, ask):
        return _wait(turn, ask)
    return open_cycle(turn, ask, policy, now)


def weigh_pending(turn: Turn, policy: Policy, now: datetime) -> Turn:
    """At a close the triggers that came meanwhile are weighed, in their order; the first that holds opens."""
    pending = turn.track.pending
    turn = turn.keep(pending=())
    for ask in pending:
        turn = weigh(turn, ask, policy, now)
    return turn


def open_cycle(turn: Turn, ask: Ask, policy: Policy, now: datetime, *, after: Cycle | None = None) -> Turn:
    """`after` is the rejected attempt: the next asks for as many labels again, so that it sees newer rows."""
    attempt = after.attempt + 1 if after else 1
    cycle = Cycle(
        id=cycle_id(ask, attempt),
        because=ask.because,
        attempt=attempt,
        opened_at=now,
        deadline=now + policy.wait,
        workspace_revision=policy.revision,
        min_labels=(policy.min_labels if ask.min_labels is None else ask.min_labels) * attempt,
        change_point=ask.change_point,
        version=turn.track.production,
        drift_id=after.drift_id if after else ask.id if ask.because == "drift" else None,
        methods=ask.methods,
        note=ask.note,
        dataset=ask.dataset,
        asked_by=ask.asked_by,
        imported=ask.imported,
    )
    cycles = (*turn.track.cycles, cycle.id)[-REMEMBERED:]
    return turn.keep(cycle=cycle, cycles=cycles).decide(Opened(cycle))


def _answered(track: Track, ask: Ask) -> str | None:
    if ask.because == "drift":
        if ask.version in track.past:
            return f"{ask.version} is no longer in production"
        if track.covered and ask.change_point and ask.change_point <= track.covered:
            return f"the change at {ask.change_point:%Y-%m-%d %H:%M:%S} is answered for"
    if ask.because == "growth" and track.cut_at and ask.at <= track.cut_at:
        return "the rows are in the last cut"
    return None


def _ahead(track: Track, ask: Ask) -> bool:
    return ask.because == "drift" and ask.version != track.production


def _wait(turn: Turn, ask: Ask) -> Turn:
    if any(waiting.id == ask.id for waiting in turn.track.pending):
        return turn.ignore(ask.because, "it waits already")
    pending = (*turn.track.pending, ask)[-REMEMBERED:]
    why = "a cycle is open" if turn.track.cycle else f"{ask.version} is not known in production yet"
    return turn.keep(pending=pending).ignore(ask.because, f"waits: {why}")


def _tell(event: DriftDetected) -> str:
    return f"{event.monitor} of {event.version} went from {event.before:.3f} to {event.after:.3f} ({event.detector})"


PERIODS = {
    "hourly": timedelta(hours=1),
    "daily": timedelta(days=1),
    "weekly": timedelta(weeks=1),
    "monthly": timedelta(days=30),
}
