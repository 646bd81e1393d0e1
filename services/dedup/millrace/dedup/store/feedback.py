"""Which feedback became documents."""

from collections.abc import Collection, Iterable

from millrace.chassis import Transaction


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


async def save_feedback(tx: Transaction, ids: Iterable[tuple[str, str]]) -> None:
    await tx.copy("feedback", ("workspace", "feedback_id"), sorted(ids))
