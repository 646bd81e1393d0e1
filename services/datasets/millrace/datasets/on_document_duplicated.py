"""document.duplicated: counted; one that weighs adds to the kept row, one found later ends the row that stands here"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from datetime import datetime

from millrace.chassis import Transaction, handles
from millrace.datasets import store
from millrace.events import DocumentDuplicated


@handles(DocumentDuplicated)
async def on_document_duplicated(events: Sequence[DocumentDuplicated], tx: Transaction) -> None:
    by_workspace: defaultdict[str, list[DocumentDuplicated]] = defaultdict(list)
    for event in events:
        by_workspace[event.workspace].append(event)
    for workspace in sorted(by_workspace):
        await _take(tx, workspace, by_workspace[workspace])
    await store.count_duplicates(tx, Counter((event.workspace, event.kind) for event in events))


async def _take(tx: Transaction, workspace: str, events: Sequence[DocumentDuplicated]) -> None:
    ended: dict[str, datetime] = {}
    for event in events:
        if event.ended:
            ended[event.ended] = max(event.known_at, ended.get(event.ended, event.known_at))
    echoes = Counter((event.duplicate_of, event.known_at) for event in events if event.weighs)
    if not ended and not echoes:
        return
    corpus = await store.lock(tx, workspace)
    if ended:
        await store.erasures.retire(tx, corpus, ended)
    if echoes:
        await store.erasures.echo(tx, corpus, echoes)
    await store.save(tx, corpus)
