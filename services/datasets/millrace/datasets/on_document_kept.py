"""document.kept -> dataset.grown; wakes the cuts that waited for these rows"""

from collections import defaultdict
from collections.abc import Sequence

from millrace.chassis import Table, Transaction, erasure, handles
from millrace.datasets import store
from millrace.datasets.daily import housekeep_next
from millrace.events import DatasetGrown, DocumentKept
from millrace.workspace import Workspace


@handles(DocumentKept, emits=[DatasetGrown])
async def on_document_kept(
    events: Sequence[DocumentKept], tx: Transaction, *, workspaces: Table[Workspace], part_rows: int
) -> None:
    by_workspace: defaultdict[str, list[DocumentKept]] = defaultdict(list)
    for event in events:
        by_workspace[event.workspace].append(event)
    for name in sorted(by_workspace):
        await _take(tx, by_workspace[name], await workspaces.get(name), part_rows)


async def _take(tx: Transaction, events: Sequence[DocumentKept], spec: Workspace, part_rows: int) -> None:
    corpus = await store.lock(tx, spec.workspace)
    # a row that comes after its subject was erased, but was known before, is never written
    events = await erasure.standing(tx, events, lambda one: erasure.About(one.workspace, one.subject, one.known_at))
    if not events:
        return
    await store.append(tx, corpus, events, await store.erasures.retired(tx, spec.workspace, events))
    _grow(tx, corpus, events, spec.train.on.new_documents)
    if corpus.buffered >= part_rows and not corpus.flushing:
        corpus.flushing = True
        key = f"{corpus.workspace}/{corpus.parts + 1}"
        await tx.schedule("flush", key=key, workspace=corpus.workspace, cause=events[-1])
    if not corpus.housekept:
        corpus.housekept = True
        await housekeep_next(tx, corpus.workspace, events[-1])
    await store.save(tx, corpus)
    for key in await store.see(tx, corpus, events):
        await tx.wake("cut", key)


def _grow(tx: Transaction, corpus: store.Corpus, events: Sequence[DocumentKept], every: int | None) -> None:
    """Counts each row, so that where batches end makes no difference."""
    for row, event in enumerate(events, start=corpus.rows - len(events) + 1):
        corpus.fresh += 1
        if every and corpus.fresh >= every:
            tx.emit(DatasetGrown.caused_by(event, workspace=corpus.workspace, rows=row, new=corpus.fresh))
            corpus.fresh = 0
