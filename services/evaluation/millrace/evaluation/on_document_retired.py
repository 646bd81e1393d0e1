"""document.retired -> nothing: what is gone at its source judges no more"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.evaluation.store import arrivals
from millrace.events import DocumentRetired


@handles(DocumentRetired)
async def on_document_retired(events: Sequence[DocumentRetired], tx: Transaction) -> None:
    await arrivals.retire(tx, [(event.workspace, event.document_id, event.known_at) for event in events])
