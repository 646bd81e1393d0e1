"""A person's requests that wait, and the documents about them that can be searched."""

from millrace.chassis import Transaction
from millrace.chassis.erasure import Forgotten
from millrace.serving.store import retrieval


async def erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
    """Takes requests out of up to `most` jobs, and up to `most` documents out of each corpus."""
    asked = "jsonb_build_object('requests', jsonb_build_array(jsonb_build_object('unit', $2::text)))"
    requests: int = await tx.fetchval(
        f"""WITH held AS (
                SELECT id, payload -> 'requests' AS before, coalesce((
                    SELECT jsonb_agg(r) FROM jsonb_array_elements(payload -> 'requests') r
                    WHERE r ->> 'unit' IS DISTINCT FROM $2), '[]') AS after
                FROM jobs WHERE kind = 'answer' AND workspace = $1 AND occurred_at <= $3
                    AND state IN ('waiting', 'failed') AND payload @> {asked} LIMIT $4 FOR UPDATE),
            changed AS (
                UPDATE jobs SET payload = jsonb_build_object('requests', after) FROM held WHERE jobs.id = held.id
                RETURNING jsonb_array_length(before) - jsonb_array_length(after) AS n)
            SELECT coalesce(sum(n), 0)::int FROM changed""",
        who.workspace,
        who.subject,
        who.until,
        most,
    )
    return {"requests": requests, "documents": await retrieval.erase(tx, who, most)}
