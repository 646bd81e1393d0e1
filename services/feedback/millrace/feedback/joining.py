"""Both sides of the join: each holds the requests and predictions it is about before it looks for the other.

Pairs are recorded in the order of the side that came last.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from uuid import UUID

from millrace.chassis import Transaction, Unavailable
from millrace.events import FeedbackGiven, PredictionServed
from millrace.feedback import store
from millrace.feedback.domain import Feedback, Prediction, recorded, resolved, speaks_of


@dataclass(frozen=True, slots=True)
class Given:
    """A feedback with the event that brought it, and how long it may wait for a prediction."""

    event: FeedbackGiven
    feedback: Feedback
    wait: timedelta


async def join_predictions(events: Sequence[PredictionServed], tx: Transaction) -> None:
    """Keeps predictions and joins what was said of them before they came."""
    await store.hold_requests(tx, {(event.workspace, event.request_id) for event in events})
    new = await store.append_predictions(tx, events)
    names = {(prediction.workspace, prediction.prediction_id) for prediction in new}
    said = await store.feedback_for(tx, {(event.workspace, event.request_id) for event in events}, names)
    if said:
        requests = {(event.workspace, event.request_id) for event in events}
        turn = {(event.workspace, event.prediction_id): number for number, event in enumerate(events)}
        pairs = await _pairs(tx, said, await store.predictions_for(tx, requests, names))
        await _record(tx, sorted(pairs, key=lambda pair: _turn(turn, *pair)))


async def join_feedback(given: Sequence[Given], tx: Transaction) -> None:
    """Keeps feedback and joins it to the predictions that have come; what joins none waits as long as it may."""
    said = [one.feedback for one in given]
    names = {(one.workspace, name) for one in said if not one.by_request for name in one.names}
    known = await store.requests_of(tx, names) if names else {}
    held = {(one.workspace, one.request_id) for one in said if one.by_request and one.request_id} | set(known.values())
    await store.hold_requests(tx, held)
    await store.hold_predictions(tx, names)
    new = await store.append_feedback(tx, said, [tx.now + one.wait for one in given])
    found = await store.predictions_for(tx, held, names)
    if any((prediction.workspace, prediction.request_id) not in held for prediction in found):
        raise Unavailable("a prediction came while its feedback was read")
    pairs = await _pairs(tx, new, found)
    await _record(tx, pairs)
    waiting = {one.feedback_id for one in new} - {feedback.feedback_id for feedback, _ in pairs}
    for one in given:
        if one.feedback.feedback_id in waiting:
            await _wait(tx, one)


def _turn(turn: dict[tuple[str, str], int], feedback: Feedback, prediction: Prediction) -> tuple[int, datetime, UUID]:
    """By prediction, then by when each thing was said; a prediction that came before has its pairs already."""
    return turn.get((prediction.workspace, prediction.prediction_id), -1), feedback.known_at, feedback.feedback_id


async def _pairs(tx: Transaction, said: Iterable[Feedback], predictions: Sequence[Prediction]) -> list[store.Pair]:
    """Each feedback with the predictions that it speaks of."""
    said = await _resolve(tx, list(said), predictions)
    by_place: dict[tuple[str, str, str], list[Prediction]] = {}
    for prediction in predictions:
        by_place.setdefault((prediction.workspace, "request", prediction.request_id), []).append(prediction)
        by_place.setdefault((prediction.workspace, "name", prediction.prediction_id), []).append(prediction)
    return [
        (feedback, prediction)
        for feedback in said
        for place in _places(feedback)
        for prediction in by_place.get(place, ())
        if speaks_of(feedback, prediction)
    ]


async def _record(tx: Transaction, pairs: Sequence[store.Pair]) -> None:
    """Joins pairs, and emits those that are new."""
    if pairs:
        for feedback, prediction in await store.append_joined(tx, pairs):
            tx.emit(recorded(feedback, prediction))


def _places(feedback: Feedback) -> list[tuple[str, str, str]]:
    if feedback.by_request:
        return [(feedback.workspace, "request", feedback.request_id or "")]
    return [(feedback.workspace, "name", name) for name in feedback.names]


async def _resolve(tx: Transaction, said: list[Feedback], predictions: Sequence[Prediction]) -> list[Feedback]:
    """Labels that named a prediction only, now of its request."""
    by_name = {(prediction.workspace, prediction.prediction_id): prediction for prediction in predictions}
    changed: dict[object, Feedback] = {}
    for feedback in said:
        if feedback.of_input and not feedback.by_request:
            prediction = next((by_name[p] for n in feedback.names if (p := (feedback.workspace, n)) in by_name), None)
            if prediction:
                changed[feedback.workspace, feedback.feedback_id] = resolved(feedback, prediction)
    if changed:
        await store.resolve(tx, list(changed.values()))
    return [changed.get((feedback.workspace, feedback.feedback_id), feedback) for feedback in said]


async def _wait(tx: Transaction, given: Given) -> None:
    """One timer serves all feedback of a workspace whose waits end within a hundredth of each other."""
    grain, epoch = max(timedelta(seconds=1), given.wait / 100), datetime(1970, 1, 1, tzinfo=UTC)
    at = epoch + grain * math.ceil((tx.now + given.wait - epoch) / grain)
    workspace = given.feedback.workspace
    await tx.schedule("expire", key=f"{workspace}/{at.isoformat()}", workspace=workspace, cause=given.event, at=at)
