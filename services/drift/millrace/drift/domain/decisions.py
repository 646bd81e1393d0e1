"""What the service decides: which values a monitor sees, whether one may ring, and whether a ring is news."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from typing import Literal, NamedTuple

from millrace.drift.detectors import DETECTORS
from millrace.drift.domain.calibration import level_for
from millrace.drift.domain.monitor import Alarm, Monitor, Observation
from millrace.drift.domain.times import milliseconds, moment
from millrace.events import Cause, DriftDetected, FeedbackRecorded, PredictionServed
from millrace.workspace import Workspace

Outcome = Literal["announced", "same", "deferred"]

MIN_LABELLED = 30


class Key(NamedTuple):
    """A monitor's place: one signal of a version in a lane."""

    workspace: str
    version: str
    lane: int
    signal: str


@dataclass(frozen=True, slots=True)
class Drift:
    """The last announced drift of a version: when it rang, in ms of event time."""

    rang_at: int

    def rest(self, at: int, cool_down: timedelta) -> timedelta:
        """What is left of the cool-down at a time in ms; negative when it is over."""
        return moment(self.rang_at) + cool_down - moment(at)


def watched(event: PredictionServed) -> Iterator[tuple[Key, Observation]]:
    """The values of a prediction by monitor; none of an answer that failed or that production did not give."""
    if event.arm != "production" or event.error is not None:
        return
    at = milliseconds(event.occurred_at)
    raws = {"confidence": event.probability, "novelty": event.novelty, "label_share": event.label}
    for signal, raw in raws.items():
        if raw is not None:
            yield Key(event.workspace, event.version, event.lane, signal), Observation(raw, at, event.prediction_id)


def judged(event: FeedbackRecorded) -> Iterator[tuple[Key, Observation]]:
    """The error that a label shows, at the prediction's time.

    None where the label is not to be judged by (untrusted, or given while looking at our answer), or corrects one
    that was counted.
    """
    sound = event.trusted and event.basis == "blind" and event.supersedes is None
    if event.arm != "production" or event.correct is None or not sound:
        return
    error = Observation(0.0 if event.correct else 1.0, milliseconds(event.predicted_at), event.prediction_id)
    yield Key(event.workspace, event.version, event.lane, "error"), error


def begin(key: Key, workspace: Workspace) -> Monitor | None:
    """A new monitor as the workspace declares it, None where it does not watch that signal.

    `false_alarms` is shared evenly by the signals, since each prediction passes all of them, and one lane only.
    Labels come for a part of the predictions, so the error's reference is a third as long.
    """
    declared = workspace.monitor
    if key.signal not in declared.watched:
        return None
    detector = declared.watched[key.signal]
    level = level_for(detector, key.signal, float(declared.false_alarms) / len(declared.watched))
    few = key.signal == "error"
    reference = max(MIN_LABELLED, declared.min_reference // 3) if few else declared.min_reference
    return Monitor.new(key.signal, DETECTORS[detector](level), reference)


def decide(last: Drift | None, alarm: Alarm, cool_down: timedelta) -> Outcome:
    """Whether an alarm is news, given the version's last announced drift.

    An alarm of a change that is no later than the last announcement is another sign of the same drift. A later change
    is announced, but not before the cool-down is over.
    """
    if last is None:
        return "announced"
    if alarm.change_at <= last.rang_at:
        return "same"
    return "deferred" if last.rest(alarm.rang_at, cool_down) > timedelta() else "announced"


def drift_detected(cause: Cause, key: Key, alarm: Alarm) -> DriftDetected:
    """The announcement, at the time of the prediction that rang."""
    return DriftDetected.caused_by(
        cause,
        occurred_at=moment(alarm.rang_at),
        workspace=key.workspace,
        lane=key.lane,
        version=key.version,
        monitor=alarm.signal,
        detector=alarm.detector,
        statistic=alarm.statistic,
        before=alarm.before,
        after=alarm.after,
        change_point=moment(alarm.change_at),
        predictions=alarm.predictions,
        since_change=alarm.since_change,
        examples=alarm.examples,
    )
