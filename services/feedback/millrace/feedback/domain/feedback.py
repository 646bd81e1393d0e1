"""A feedback as it is kept: checked, masked, and named by who said it."""

from dataclasses import dataclass
from datetime import datetime
from uuid import UUID

from millrace.chassis import Malformed, policy_of, wire
from millrace.events import Envelope, FeedbackGiven, PredictionServed
from millrace.events.parts import Basis, FeedbackKind
from millrace.privacy import derived_key, mask, pseudonymous
from millrace.workspace import Workspace

LONGEST_ID = 200
LONGEST_VALUE = 20_000


@dataclass(frozen=True, slots=True)
class Feedback:
    """A feedback of a workspace. `names` are the predictions that it names itself.

    `request_id` is the request that a label is the truth of, None while it names only a prediction that is yet to come.
    """

    workspace: str
    feedback_id: UUID
    kind: FeedbackKind
    value: str | float
    source: str
    trusted: bool
    basis: Basis
    request_id: str | None
    names: tuple[str, ...]
    supersedes: UUID | None
    actor: str | None
    given_at: datetime
    known_at: datetime
    traceparent: str | None = None

    @property
    def of_input(self) -> bool:
        """Whether this is the truth of the input, and so of every answer to the request."""
        return self.kind in ("label", "outcome")

    @property
    def by_request(self) -> bool:
        """Whether it is found by its request, and not by the predictions that it names."""
        return self.request_id is not None and (self.of_input or not self.names)


def admit(event: FeedbackGiven, workspace: Workspace, secret: str) -> Feedback:
    """The feedback in an intake event, without personal data. Raises Malformed for what can't be kept."""
    for field in ("request_id", "prediction_id", "over", "supersedes", "source", "actor"):
        _short(field, getattr(event, field), LONGEST_ID)
    if isinstance(event.value, str):
        _short("value", event.value, LONGEST_VALUE)
    names = tuple(name for name in (event.prediction_id,) if name)
    if event.kind == "preference":
        if not event.over or event.over == event.value:
            raise Malformed("over", "the id of the worse prediction, for a preference")
        names = (_short("value", str(event.value), LONGEST_ID), event.over)
    return Feedback(
        workspace=event.workspace,
        feedback_id=event.id,
        kind=event.kind,
        value=_clean(event, workspace, secret),
        source=event.source,
        trusted=event.source in workspace.feedback.trusted,
        basis=event.basis,
        request_id=None if event.kind == "preference" else event.request_id,
        names=names,
        supersedes=_corrected(event),
        actor=_unnamed(event, secret),
        given_at=event.occurred_at,
        known_at=event.known_at,
        traceparent=event.traceparent,
    )


def _clean(event: FeedbackGiven, workspace: Workspace, secret: str) -> str | float:
    """The value as it may be kept: ids and declared labels as they are, anything else that is text masked."""
    declared = workspace.labels.names if workspace.labels else ()
    if isinstance(event.value, float) or event.kind == "preference" or event.value in declared:
        return event.value
    return mask(event.value, policy_of(workspace, secret)).text


def _corrected(event: FeedbackGiven) -> UUID | None:
    """The id of the feedback that this corrects, as the wire would have read it from the same source."""
    return wire.event_id(event.supersedes, event.envelope.source, "") if event.supersedes else None


def _unnamed(event: FeedbackGiven, secret: str) -> str | None:
    return pseudonymous(event.actor, derived_key(secret, event.workspace)) if event.actor else event.actor


def _short(field: str, text: str | None, most: int) -> str:
    if text is not None and (len(text) > most or "\x00" in text):
        raise Malformed(field, f"at most {most} characters, none of them null")
    return text or ""


def again(feedback: Feedback) -> FeedbackGiven:
    """The event that this came from, as far as it was kept: `admit` makes the same feedback of it."""
    preference = feedback.kind == "preference"
    return FeedbackGiven.create(
        Envelope(feedback.feedback_id, feedback.source, feedback.given_at, feedback.known_at),
        workspace=feedback.workspace,
        kind=feedback.kind,
        value=feedback.value,
        source=feedback.source,
        request_id=feedback.request_id,
        prediction_id=feedback.names[0] if feedback.names else None,
        over=feedback.names[1] if preference else None,
        basis=feedback.basis,
        supersedes=str(feedback.supersedes) if feedback.supersedes else None,
        actor=feedback.actor,
    )


def checked(event: PredictionServed) -> PredictionServed:
    """The event with a text that Postgres can hold. Raises Malformed for ids that it can't."""
    for field in ("request_id", "prediction_id", "version", "unit", "label"):
        _short(field, getattr(event, field), LONGEST_ID)
    if "\x00" not in event.text:
        return event
    return event.model_copy(update={"text": event.text.replace("\x00", "\ufffd")}).within(event.envelope)
