"""Which predictions a feedback speaks of, and what is recorded of each pair."""

from dataclasses import dataclass, replace
from datetime import datetime
from uuid import uuid5

from millrace.chassis import Step
from millrace.events import FeedbackRecorded
from millrace.events.parts import Arm
from millrace.feedback.domain.feedback import Feedback


@dataclass(frozen=True, slots=True)
class Prediction:
    """An answer as far as feedback needs it. `predicted` is None where it failed."""

    workspace: str
    prediction_id: str
    request_id: str
    lane: int
    version: str
    arm: Arm
    revision: int
    text: str
    predicted: str | None
    unit: str | None
    predicted_at: datetime
    known_at: datetime


def speaks_of(feedback: Feedback, prediction: Prediction) -> bool:
    """Whether the two join. A label's request must have been resolved where it named a prediction only.

    A label or outcome speaks of every answer to its request; an opinion of the predictions that it names, or, naming
    the request only, of the answer that was shown, which no shadow's was.
    """
    if feedback.workspace != prediction.workspace:
        return False
    if not feedback.by_request:
        return prediction.prediction_id in feedback.names
    shown = feedback.of_input or prediction.arm != "shadow"
    return feedback.request_id == prediction.request_id and shown


def resolved(feedback: Feedback, prediction: Prediction) -> Feedback:
    """A label that names a prediction only, once that prediction is known: from now on it speaks of the request."""
    return replace(feedback, request_id=prediction.request_id)


def correct(feedback: Feedback, prediction: Prediction) -> bool | None:
    """Whether the truth says that the answer was right; None for opinions and for answers that failed."""
    if not feedback.of_input or prediction.predicted is None:
        return None
    return feedback.value == prediction.predicted


def recorded(feedback: Feedback, prediction: Prediction) -> FeedbackRecorded:
    """The pair as an event: the same, its id included, whichever of the two came last."""
    known_at = max(feedback.known_at, prediction.known_at)
    event = FeedbackRecorded.caused_by(
        Step(feedback.feedback_id, feedback.given_at, known_at, traceparent=feedback.traceparent),
        workspace=feedback.workspace,
        lane=prediction.lane,
        feedback_id=str(feedback.feedback_id),
        kind=feedback.kind,
        value=feedback.value,
        source=feedback.source,
        trusted=feedback.trusted,
        basis=feedback.basis,
        request_id=prediction.request_id,
        prediction_id=prediction.prediction_id,
        version=prediction.version,
        arm=prediction.arm,
        revision=prediction.revision,
        predicted_at=prediction.predicted_at,
        text=prediction.text,
        predicted=prediction.predicted,
        correct=correct(feedback, prediction),
        unit=prediction.unit,
        actor=feedback.actor,
        supersedes=str(feedback.supersedes) if feedback.supersedes else None,
    )
    return event.within(event.envelope._replace(id=uuid5(event.id, prediction.prediction_id)))
