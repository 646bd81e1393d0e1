"""Both sides of the join: each holds the requests and predictions it is about before it looks for the other."""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta

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
        await _join(tx, said, await store.predictions_for(tx, requests, names))


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
    joined = await _join(tx, new, found)
    waiting = {one.feedback_id for one in new} - joined
    for one in given:
        if one.feedback.feedback_id in waiting:
            await _wait(tx, one)


async def _join(tx: Transaction, said: Iterable[Feedback], predictions: Sequence[Prediction]) -> set[object]:
    """Joins feedback to predictions, emits the new pairs, and gives the ids of the feedback that joined any."""
    said = await _resolve(tx, list(said), predictions)
    by_place: dict[tuple[str, str, str], list[Prediction]] = {}
    for prediction in predictions:
        by_place.setdefault((prediction.workspace, "request", prediction.request_id), []).append(prediction)
        by_place.setdefault((prediction.workspace, "name", prediction.prediction_id), []).append(prediction)
    pairs = [
        (feedback, prediction)
        for feedback in said
        for place in _places(feedback)
        for prediction in by_place.get(place, ())
        if speaks_of(feedback, prediction)
    ]
    if pairs:
        for feedback, prediction in await store.append_joined(tx, pairs):
            tx.emit(recorded(feedback, prediction))
    return {feedback.feedback_id for feedback, _ in pairs}


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
