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
    standing = await _unless_gone(judging, tx)
    for workspace in sorted({event.workspace for event in standing}):
        await arrivals.append(tx, workspace, [event for event in standing if event.workspace == workspace])


async def _unless_gone(events: Sequence[DocumentKept], tx: Transaction) -> list[DocumentKept]:
    """Without texts of people who asked to be forgotten since, and documents that were retired since."""
    gone = await erasure.gone(tx, {(event.workspace, event.subject) for event in events if event.subject})
    retired = await arrivals.retired(tx, {(event.workspace, event.document_id) for event in events})
    untils = [
        (event, gone.get((event.workspace, event.subject or "")), retired.get((event.workspace, event.document_id)))
        for event in events
    ]
    return [event for event, *until in untils if all(one is None or event.known_at > one for one in until)]
