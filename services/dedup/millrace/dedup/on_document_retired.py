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
        causes = by_workspace[workspace]
        known_at = {id: event.known_at for id, event in causes.items()}
        corpus = await store.lock(tx, workspace)
        await store.bury(tx, corpus, known_at)
        removed = await store.remove_documents(tx, corpus, known_at)
        if removed:
            await index.leave(tx, corpus, removed, causes)
