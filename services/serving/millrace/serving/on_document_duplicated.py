"""document.duplicated: a document that was kept first and then found to say what another does is no longer found"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import DocumentDuplicated
from millrace.serving.withdrawing import withdraw


@handles(DocumentDuplicated)
async def on_document_duplicated(events: Sequence[DocumentDuplicated], tx: Transaction) -> None:
    """Others were never here."""
    await withdraw(tx, [(event.workspace, event.ended, event.known_at) for event in events if event.ended])
