"""document.kept -> nothing: labels that come after a training cut join its fresh suite"""

from collections.abc import Sequence

from millrace.chassis import Transaction, erasure, handles
from millrace.evaluation.store import arrivals
from millrace.events import DocumentKept


@handles(DocumentKept)
async def on_document_kept(events: Sequence[DocumentKept], tx: Transaction) -> None:
    """Only trusted labels judge, given without sight of our answer; golden rows come by their suite."""
    judging = [
        event for event in events if event.label and event.trusted and not event.suite and event.basis != "shown"
    ]
    retired = await arrivals.retired(tx, {(event.workspace, event.document_id) for event in judging})
    standing = await erasure.standing(
        tx,
        judging,
        lambda event: erasure.About(event.workspace, event.subject, event.known_at),
        ended=lambda event: retired.get((event.workspace, event.document_id)),
    )
    for workspace in sorted({event.workspace for event in standing}):
        await arrivals.append(tx, workspace, [event for event in standing if event.workspace == workspace])
