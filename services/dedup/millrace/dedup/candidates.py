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


def of_feedback(event: FeedbackRecorded, *, answers: bool) -> Candidate:
    """The document's time is the prediction's: that is when the world was so.

    Where `answers` in words are learned an edit is the better of two, and a rating says how good what was answered is:
    neither was given blind.
    """
    rated, edited = answers and event.kind == "rating", answers and event.kind == "edit"
    worse = event.predicted if edited and event.predicted != event.value else None
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
        basis="shown" if rated or edited else event.basis,
        feedback_id=event.feedback_id,
        corrects=event.supersedes,
        occurred_at=event.predicted_at,
    )
