"""document.submitted -> document.accepted or document.rejected"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import DocumentSubmitted
from millrace.ingestion.taking import DOCUMENTS, Rules, take


@handles(DocumentSubmitted, emits=DOCUMENTS)
async def on_document_submitted(events: Sequence[DocumentSubmitted], tx: Transaction, *, rules: Rules) -> None:
    await take(events, tx, rules)
