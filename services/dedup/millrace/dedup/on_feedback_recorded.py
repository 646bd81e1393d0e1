"""feedback.recorded -> document.kept, document.duplicated: what teaches becomes a document, once"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.dedup import candidates, store
from millrace.dedup.corpus import Index
from millrace.dedup.domain import first_of_each, teaches
from millrace.events import DocumentDuplicated, DocumentKept, FeedbackRecorded


@handles(FeedbackRecorded, emits=[DocumentKept, DocumentDuplicated])
async def on_feedback_recorded(events: Sequence[FeedbackRecorded], tx: Transaction, *, index: Index) -> None:
    answers = {name: (await index.workspaces.get(name)).meaning.answers for name in {one.workspace for one in events}}
    events = [event for event in events if teaches(event, answers=answers[event.workspace])]
    known = await store.lock_feedback(tx, [(event.workspace, id) for event in events for id in _ids(event)])
    new, seen = first_of_each(events, known)
    await store.save_feedback(tx, seen - known)
    await index.take(tx, [candidates.of_feedback(event, answers=answers[event.workspace]) for event in new])


def _ids(event: FeedbackRecorded) -> list[str]:
    return [event.feedback_id, event.supersedes] if event.supersedes else [event.feedback_id]
