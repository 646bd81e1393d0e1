"""Forgetting."""

from datetime import datetime

from millrace.chassis import Transaction

AGES = {
    "annotations": "drawn_at",
    "joined": "predicted_at",
    "feedback": "known_at",
    "predictions": "since",
    "requests": "since",
}


async def forget(tx: Transaction, table: str, before: datetime, most: int) -> int:
    """Deletes up to `most` rows of a table of `AGES` older than a time; how many."""
    rows = await tx.fetch(
        f"""DELETE FROM {table} WHERE ctid = ANY (ARRAY(
                SELECT ctid FROM {table} WHERE {AGES[table]} < $1 LIMIT $2)) RETURNING 1""",
        before,
        most,
    )
    return len(rows)
