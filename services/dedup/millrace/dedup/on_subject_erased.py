"""subject.erased -> erasure.confirmed, document.kept, document.duplicated: what repeated theirs takes its place"""

from collections.abc import Sequence

from millrace.chassis import Transaction, dead_letters, handles
from millrace.dedup import store
from millrace.dedup.corpus import Index
from millrace.events import DocumentDuplicated, DocumentKept, ErasureConfirmed, SubjectErased


@handles(SubjectErased, emits=[DocumentKept, DocumentDuplicated, ErasureConfirmed])
async def on_subject_erased(events: Sequence[SubjectErased], tx: Transaction, *, index: Index) -> None:
    for event in sorted(events, key=lambda event: event.workspace):
        erased = await _erase(tx, index, event)
        tx.emit(
            ErasureConfirmed.caused_by(
                event, workspace=event.workspace, erasure=event.erasure, service="dedup", erased=erased
            )
        )


async def _erase(tx: Transaction, index: Index, event: SubjectErased) -> dict[str, int]:
    corpus = await store.lock(tx, event.workspace)
    await store.bury(tx, corpus, "subject", {event.subject: event.known_at})
    removed = await store.remove_subject(tx, corpus, event.subject, event.known_at)
    if removed:
        await index.leave(tx, corpus, removed, {row["document_id"]: event for row in removed})
    letters = await dead_letters.erase(tx, event.subject)
    stood = sum(row["stands"] for row in removed)
    erased = {"documents": stood, "duplicates": len(removed) - stood}
    return erased | ({"dead_letters": letters} if letters else {})
