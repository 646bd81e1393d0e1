"""What events bring to be decided on."""

from millrace.dedup.domain import Candidate
from millrace.events import DocumentAccepted, FeedbackRecorded, Origin


def of_document(event: DocumentAccepted) -> Candidate:
    return Candidate(
        cause=event,
        workspace=event.workspace,
        document_id=event.document_id,
        source=event.source,
        text=event.text,
        origin=event.origin,
        trusted=event.trusted,
        label=event.label,
        suite=event.suite,
        language=event.language,
        subject=event.subject,
        metadata=event.metadata,
    )


def of_feedback(event: FeedbackRecorded) -> Candidate:
    """The document's time is the prediction's: that is when the world was so.

    An edit is the better of two answers, a rating says how good what was answered is: neither was given blind.
    """
    rated = event.kind == "rating"
    worse = event.predicted if event.kind == "edit" and event.predicted != event.value else None
    return Candidate(
        cause=event,
        workspace=event.workspace,
        document_id=event.feedback_id,
        source=event.source,
        text=event.text,
        origin=Origin(topic=event.topic, event_id=str(event.id)),
        trusted=event.trusted,
        label=event.predicted if rated else str(event.value),
        rejected=worse,
        rating=float(event.value) if rated else None,
        subject=event.unit,
        basis="shown" if rated else event.basis,
        feedback_id=event.feedback_id,
        corrects=event.supersedes,
        occurred_at=event.predicted_at,
    )
