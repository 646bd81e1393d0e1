"""document.retired -> document.kept, document.duplicated: what repeated it first takes its place"""

from collections import defaultdict
from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.dedup import store
from millrace.dedup.corpus import Index
from millrace.events import DocumentDuplicated, DocumentKept, DocumentRetired


@handles(DocumentRetired, emits=[DocumentKept, DocumentDuplicated])
async def on_document_retired(events: Sequence[DocumentRetired], tx: Transaction, *, index: Index) -> None:
    by_workspace: defaultdict[str, dict[str, DocumentRetired]] = defaultdict(dict)
    for event in sorted(events, key=lambda event: event.known_at):
        by_workspace[event.workspace][event.document_id] = event
    for workspace in sorted(by_workspace):
        await index.retire(tx, await store.lock(tx, workspace), by_workspace[workspace])
