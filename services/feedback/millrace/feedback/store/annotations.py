"""What people are asked to label."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from uuid import UUID

from millrace.chassis import Transaction
from millrace.feedback.domain import Candidate, Draw

UNLABELLED = """NOT EXISTS (
    SELECT FROM joined j WHERE j.workspace = p.workspace AND j.prediction_id = p.prediction_id
        AND j.kind IN ('label', 'outcome'))"""


async def labels_since(tx: Transaction, workspace: str, version: str, since: datetime) -> int:
    """Answers of a version in production since a time that have a label."""
    count: int = await tx.fetchval(
        """SELECT count(DISTINCT prediction_id) FROM joined WHERE workspace = $1 AND version = $2 AND arm = 'production'
               AND kind IN ('label', 'outcome') AND predicted_at >= $3""",
        workspace,
        version,
        since,
    )
    return count


async def candidates(tx: Transaction, workspace: str, version: str, since: datetime, most: int) -> list[Candidate]:
    """The latest answers of a version in production since a time that have no label."""
    rows = await tx.fetch(
        f"""SELECT prediction_id, 1 - coalesce(probability, 0) AS uncertainty, EXISTS (
                SELECT FROM predictions o WHERE o.workspace = p.workspace AND o.request_id = p.request_id
                    AND o.predicted <> p.predicted) AS disputed
            FROM predictions p
            WHERE workspace = $1 AND version = $2 AND arm = 'production' AND predicted_at >= $3 AND {UNLABELLED}
            ORDER BY predicted_at DESC LIMIT $4""",
        workspace,
        version,
        since,
        most,
    )
    return [Candidate(**row) for row in rows]


async def put_up(tx: Transaction, workspace: str, drift_id: UUID, drawn: Sequence[Draw]) -> None:
    await tx.execute(
        """INSERT INTO annotations SELECT $1, *, $6 FROM unnest($2::text[], $3::uuid[], $4::text[], $5::float8[])
           ON CONFLICT DO NOTHING""",
        workspace,
        [one.prediction_id for one in drawn],
        [drift_id] * len(drawn),
        [one.reason for one in drawn],
        [one.inclusion for one in drawn],
        tx.now,
    )


async def open_annotations(tx: Transaction, workspace: str, most: int) -> list[dict[str, Any]]:
    """What is still without a label, of the latest drift first, the uncertain before the uniform."""
    rows = await tx.fetch(
        f"""SELECT p.prediction_id, p.request_id, p.version, p.text, p.predicted, p.probability, p.predicted_at,
                a.drift_id, a.reason, a.inclusion
            FROM annotations a JOIN predictions p USING (workspace, prediction_id)
            WHERE a.workspace = $1 AND {UNLABELLED} ORDER BY a.drawn_at DESC, a.reason, p.prediction_id LIMIT $2""",
        workspace,
        most,
    )
    return [dict(row) for row in rows]
