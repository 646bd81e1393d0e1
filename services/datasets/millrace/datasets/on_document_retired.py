"""document.retired: what stands of the document, known until then, stands no more"""

from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime

from millrace.chassis import Transaction, handles
from millrace.datasets import store
from millrace.events import DocumentRetired


@handles(DocumentRetired)
async def on_document_retired(events: Sequence[DocumentRetired], tx: Transaction) -> None:
    gone: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for event in events:
        until = gone[event.workspace]
        until[event.document_id] = max(event.known_at, until.get(event.document_id, event.known_at))
    for workspace in sorted(gone):
        corpus = await store.lock(tx, workspace)
        await store.erasures.retire(tx, corpus, gone[workspace])
        await store.save(tx, corpus)
