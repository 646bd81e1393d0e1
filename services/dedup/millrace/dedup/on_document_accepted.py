"""document.accepted -> document.kept, document.duplicated"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.dedup.corpus import Index
from millrace.dedup.domain import Candidate
from millrace.events import DocumentAccepted, DocumentDuplicated, DocumentKept


@handles(DocumentAccepted, emits=[DocumentKept, DocumentDuplicated])
async def on_document_accepted(events: Sequence[DocumentAccepted], tx: Transaction, *, index: Index) -> None:
    await index.take(tx, [_candidate(event) for event in events])


def _candidate(event: DocumentAccepted) -> Candidate:
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
