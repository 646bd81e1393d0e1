"""document.duplicated: a document that was kept first and then found to say what another does is no longer found"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import DocumentDuplicated
from millrace.serving.withdrawing import withdraw

LATER = "semantic"
"""The kind that is found after a document was kept; those of any other kind were never here."""


@handles(DocumentDuplicated)
async def on_document_duplicated(events: Sequence[DocumentDuplicated], tx: Transaction) -> None:
    found = [event for event in events if event.kind == LATER and event.document_id != event.duplicate_of]
    await withdraw(tx, [(event.workspace, event.document_id, event.known_at) for event in found])
