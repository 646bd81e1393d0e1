"""Takes documents out of every corpus of their workspace, and keeps out what comes late."""

from collections import defaultdict
from collections.abc import Iterable
from datetime import datetime

from millrace.chassis import Transaction
from millrace.serving.store import retrieval


async def withdraw(tx: Transaction, gone: Iterable[tuple[str, str, datetime]]) -> None:
    """Of a workspace, a document, what was known of it until a time."""
    by_workspace: defaultdict[str, dict[str, datetime]] = defaultdict(dict)
    for workspace, document, until in gone:
        held = by_workspace[workspace]
        held[document] = max(until, held.get(document, until))
    for workspace in sorted(by_workspace):
        await retrieval.bury(tx, workspace, by_workspace[workspace])
        corpora = await retrieval.each_corpus(tx, workspace)
        for corpus in (await retrieval.lock(tx, [corpus.id for corpus in corpora])).values():
            await retrieval.retire(tx, corpus, by_workspace[workspace])
