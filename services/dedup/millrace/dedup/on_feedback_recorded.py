"""feedback.recorded -> document.kept, document.duplicated: labels, outcomes and edits become documents, once each"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.dedup import store
from millrace.dedup.corpus import Index
from millrace.dedup.domain import Candidate, first_of_each
from millrace.events import DocumentDuplicated, DocumentKept, FeedbackRecorded, Origin


@handles(FeedbackRecorded, emits=[DocumentKept, DocumentDuplicated])
async def on_feedback_recorded(events: Sequence[FeedbackRecorded], tx: Transaction, *, index: Index) -> None:
    known = await store.lock_feedback(tx, [(event.workspace, id) for event in events for id in _ids(event)])
    new, seen = first_of_each(events, known)
    await store.save_feedback(tx, seen - known)
    await index.take(tx, [_candidate(event) for event in new])


def _ids(event: FeedbackRecorded) -> list[str]:
    return [event.feedback_id, event.supersedes] if event.supersedes else [event.feedback_id]


def _candidate(event: FeedbackRecorded) -> Candidate:
    """The document's time is the prediction's: that is when the world was so."""
    return Candidate(
        cause=event,
        workspace=event.workspace,
        document_id=event.feedback_id,
        source=event.source,
        text=event.text,
        origin=Origin(topic=event.topic, event_id=str(event.id)),
        trusted=event.trusted,
        label=str(event.value),
        subject=event.unit,
        basis=event.basis,
        feedback_id=event.feedback_id,
        corrects=event.supersedes,
        occurred_at=event.predicted_at,
    )
