"""document.accepted -> document.kept, document.duplicated"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.dedup import candidates
from millrace.dedup.corpus import Index
from millrace.events import DocumentAccepted, DocumentDuplicated, DocumentKept


@handles(DocumentAccepted, emits=[DocumentKept, DocumentDuplicated])
async def on_document_accepted(events: Sequence[DocumentAccepted], tx: Transaction, *, index: Index) -> None:
    await index.take(tx, [candidates.of_document(event) for event in events])
