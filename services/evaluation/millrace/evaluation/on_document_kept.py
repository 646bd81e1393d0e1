"""document.kept -> nothing: labels that come after a training cut join its fresh suite"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.evaluation.store import arrivals
from millrace.events import DocumentKept


@handles(DocumentKept)
async def on_document_kept(events: Sequence[DocumentKept], tx: Transaction) -> None:
    """Only trusted labels judge, given without sight of our answer; golden rows come by their suite."""
    judging = [
        event for event in events if event.label and event.trusted and not event.suite and event.basis != "shown"
    ]
    for workspace in sorted({event.workspace for event in judging}):
        await arrivals.append(tx, workspace, [event for event in judging if event.workspace == workspace])
