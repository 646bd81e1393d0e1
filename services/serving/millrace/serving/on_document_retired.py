"""document.retired: what was known of a document until then is no longer found"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import DocumentRetired
from millrace.serving.withdrawing import withdraw


@handles(DocumentRetired)
async def on_document_retired(events: Sequence[DocumentRetired], tx: Transaction) -> None:
    await withdraw(tx, [(event.workspace, event.document_id, event.known_at) for event in events])
