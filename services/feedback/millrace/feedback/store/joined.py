"""Pairs of feedback and prediction."""

from collections.abc import Sequence
from typing import Any

from millrace.chassis import Transaction
from millrace.feedback.domain import Feedback, Judged, Prediction, correct

Pair = tuple[Feedback, Prediction]


async def append_joined(tx: Transaction, pairs: Sequence[Pair]) -> list[Pair]:
    """Keeps pairs, and gives those that were new, in the order given."""
    first = {(f.workspace, f.feedback_id, p.prediction_id): (f, p) for f, p in pairs}
    rows = [
        (
            *key,
            feedback.kind,
            prediction.version,
            prediction.arm,
            feedback.trusted and feedback.basis == "blind",
            correct(feedback, prediction),
            feedback.given_at,
            prediction.predicted_at,
        )
        for key, (feedback, prediction) in sorted(first.items(), key=lambda item: item[0])
    ]
    inserted = await tx.fetch(
        """INSERT INTO joined SELECT * FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::text[],
               $6::text[], $7::bool[], $8::bool[], $9::timestamptz[], $10::timestamptz[])
           ON CONFLICT DO NOTHING RETURNING workspace, feedback_id, prediction_id""",
        *(list(column) for column in zip(*rows, strict=True)),
    )
    new = {(row["workspace"], row["feedback_id"], row["prediction_id"]) for row in inserted}
    return [pair for key, pair in first.items() if key in new]


async def said_of(tx: Transaction, workspace: str, request_id: str, most: int) -> list[dict[str, Any]]:
    """The feedback of a request, newest first, each with the predictions that it joined; none while it waits."""
    rows = await tx.fetch(
        """SELECT f.feedback_id, f.kind, coalesce(to_jsonb(f.text), to_jsonb(f.number)) #>> '{}' AS value, f.source,
               f.trusted, f.basis, f.supersedes, f.given_at, f.deadline AS waits_until,
               array_remove(array_agg(j.prediction_id ORDER BY j.prediction_id), NULL) AS predictions
           FROM feedback f LEFT JOIN joined j USING (workspace, feedback_id)
           WHERE f.workspace = $1 AND (f.request_id = $2 OR f.names[1] IN (
               SELECT prediction_id FROM predictions WHERE workspace = $1 AND request_id = $2))
           GROUP BY f.workspace, f.feedback_id ORDER BY f.given_at DESC, f.feedback_id LIMIT $3""",
        workspace,
        request_id,
        most,
    )
    return [dict(row) for row in rows]


SPREAD = 20
"""How many times further back than its own share the labels of a rare arm are looked for."""


async def latest_judged(tx: Transaction, workspace: str, most: int) -> list[Judged]:
    """The latest `most` labelled answers of each version and arm, by labels that may judge, each by its last word."""
    rows = await tx.fetch(
        """WITH latest AS (
               SELECT * FROM joined j WHERE workspace = $1 AND judges AND correct IS NOT NULL AND NOT EXISTS (
                   SELECT FROM feedback f WHERE f.workspace = j.workspace AND f.supersedes = j.feedback_id)
               ORDER BY predicted_at DESC LIMIT $2::bigint * $3::bigint),
           last_word AS (
               SELECT DISTINCT ON (prediction_id) * FROM latest ORDER BY prediction_id, given_at DESC, feedback_id),
           ranked AS (
               SELECT *, row_number() OVER (PARTITION BY version, arm ORDER BY predicted_at DESC, prediction_id) AS age
               FROM last_word)
           SELECT version, arm, predicted_at, correct FROM ranked WHERE age <= $2::bigint""",
        workspace,
        most,
        SPREAD,
    )
    return [Judged(**row) for row in rows]
