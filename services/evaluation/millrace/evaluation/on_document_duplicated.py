"""document.duplicated -> nothing: a label whose text was found to mean the same as an older one judges no more"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.evaluation.store import arrivals
from millrace.events import DocumentDuplicated


@handles(DocumentDuplicated)
async def on_document_duplicated(events: Sequence[DocumentDuplicated], tx: Transaction) -> None:
    """Of others nothing was kept."""
    if ended := [(event.workspace, event.ended, event.known_at) for event in events if event.ended]:
        await arrivals.retire(tx, ended)
