"""document.kept -> jobs that embed: documents of a corpus become findable, a revision in place of the former"""

from collections.abc import Sequence
from datetime import timedelta

from millrace.chassis import Table, Transaction, handles
from millrace.events import DocumentKept
from millrace.serving import indexing
from millrace.serving.job_tidy import tidy_at
from millrace.workspace import Workspace


@handles(DocumentKept)
async def on_document_kept(events: Sequence[DocumentKept], tx: Transaction, *, specs: Table[Workspace]) -> None:
    await indexing.take(events, tx, specs)
    for name, cause in {event.workspace: event for event in events}.items():
        if (await specs.get(name)).corpora:
            await tidy_at(tx, name, tx.now + timedelta(days=1), cause)
