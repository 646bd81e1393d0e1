"""document.duplicated: counted"""

from collections import Counter
from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.datasets import store
from millrace.events import DocumentDuplicated


@handles(DocumentDuplicated)
async def on_document_duplicated(events: Sequence[DocumentDuplicated], tx: Transaction) -> None:
    await store.count_duplicates(tx, Counter((event.workspace, event.kind) for event in events))
