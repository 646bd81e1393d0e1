"""Which feedback became documents."""

from collections.abc import Collection, Iterable, Sequence
from uuid import UUID

from millrace.chassis import Transaction
from millrace.dedup.domain import first_of_each
from millrace.dedup.store.index import Corpus
from millrace.events import FeedbackRecorded


async def lock_feedback(tx: Transaction, ids: Collection[tuple[str, str]]) -> set[tuple[str, str]]:
    """Which (workspace, feedback id) became documents already. Their workspaces' feedback waits for this commit."""
    for workspace in sorted({workspace for workspace, _ in ids}):
        await tx.execute("SELECT pg_advisory_xact_lock(hashtextextended($1, 0))", f"dedup feedback {workspace}")
    rows = await tx.fetch(
        """SELECT f.workspace, f.feedback_id FROM feedback f
           JOIN unnest($1::text[], $2::text[]) AS u (workspace, feedback_id) USING (workspace, feedback_id)""",
        [workspace for workspace, _ in ids],
        [id for _, id in ids],
    )
    return {(row["workspace"], row["feedback_id"]) for row in rows}


async def first_of_shelf(
    tx: Transaction, corpus: Corpus, events: Sequence[FeedbackRecorded]
) -> tuple[set[UUID], set[tuple[str, str]]]:
    """Of feedback that a shelf is built from, the events that become documents, and the ids to be remembered for it."""
    ids = sorted({id for event in events for id in (event.feedback_id, event.supersedes) if id})
    rows = await tx.fetch(
        "SELECT feedback_id FROM feedback WHERE workspace = $1 AND feedback_id = ANY($2)", corpus.shelf, ids
    )
    known = {(corpus.workspace, row["feedback_id"]) for row in rows}
    new, seen = first_of_each(events, known)
    return {event.id for event in new}, {(corpus.shelf, id) for _, id in seen - known}


async def save_feedback(tx: Transaction, ids: Iterable[tuple[str, str]]) -> None:
    await tx.copy("feedback", ("workspace", "feedback_id"), sorted(ids))
