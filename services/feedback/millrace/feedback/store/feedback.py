"""Feedback, joined or waiting."""

from collections.abc import Collection, Sequence
from datetime import datetime
from typing import Any

from millrace.chassis import Transaction
from millrace.feedback.domain import Feedback
from millrace.feedback.store.locks import Place, columns, hold_predictions, hold_requests


async def append_feedback(tx: Transaction, given: Sequence[Feedback], deadlines: Sequence[datetime]) -> list[Feedback]:
    """Keeps feedback, the first of each id, and gives what was new, in its order.

    `deadlines` say until when each may wait.
    """
    first: dict[Any, tuple[Feedback, datetime]] = {}
    for feedback, deadline in zip(given, deadlines, strict=True):
        first.setdefault((feedback.workspace, feedback.feedback_id), (feedback, deadline))
    rows = [_row(feedback, deadline) for feedback, deadline in first.values()]
    values = [list(column) for column in zip(*rows, strict=True)]
    inserted = await tx.fetch(
        """INSERT INTO feedback (workspace, feedback_id, kind, text, number, source, trusted, basis, request_id, names,
               supersedes, actor, given_at, known_at, traceparent, deadline)
           SELECT workspace, feedback_id, kind, text, number, source, trusted, basis, request_id,
               array_remove(ARRAY[named, over], NULL), supersedes, actor, given_at, known_at, traceparent, deadline
           FROM unnest($1::text[], $2::uuid[], $3::text[], $4::text[], $5::float8[], $6::text[], $7::bool[], $8::text[],
               $9::text[], $10::text[], $11::text[], $12::uuid[], $13::text[], $14::timestamptz[], $15::timestamptz[],
               $16::text[], $17::timestamptz[]) AS new (workspace, feedback_id, kind, text, number, source, trusted,
               basis, request_id, named, over, supersedes, actor, given_at, known_at, traceparent, deadline)
           ORDER BY workspace, feedback_id ON CONFLICT DO NOTHING RETURNING workspace, feedback_id""",
        *values,
    )
    new = {(row["workspace"], row["feedback_id"]) for row in inserted}
    return [feedback for key, (feedback, _) in first.items() if key in new]


async def feedback_for(tx: Transaction, requests: Collection[Place], names: Collection[Place]) -> list[Feedback]:
    """The feedback that may speak of the predictions of requests, or of predictions by name."""
    rows = await tx.fetch(
        """SELECT f.* FROM feedback f JOIN unnest($1::text[], $2::text[]) AS r (workspace, id)
               ON f.workspace = r.workspace AND f.request_id = r.id
           UNION
           SELECT f.* FROM feedback f JOIN unnest($3::text[], $4::text[]) AS n (workspace, id)
               ON f.workspace = n.workspace AND f.names[1] = n.id
           UNION
           SELECT f.* FROM feedback f JOIN unnest($3::text[], $4::text[]) AS n (workspace, id)
               ON f.workspace = n.workspace AND f.names[2] = n.id""",
        *columns(requests),
        *columns(names),
    )
    return [_feedback(row) for row in rows]


async def resolve(tx: Transaction, labels: Collection[Feedback]) -> None:
    """Notes the requests that labels turned out to be the truth of."""
    await tx.execute(
        """UPDATE feedback SET request_id = new.request_id
           FROM unnest($1::text[], $2::uuid[], $3::text[]) AS new (workspace, feedback_id, request_id)
           WHERE feedback.workspace = new.workspace AND feedback.feedback_id = new.feedback_id""",
        [label.workspace for label in labels],
        [label.feedback_id for label in labels],
        [label.request_id for label in labels],
    )


async def drop_expired(tx: Transaction, workspace: str, most: int) -> list[Feedback]:
    """Takes out feedback whose predictions did not come in time, and gives it."""
    late = """SELECT * FROM feedback f WHERE workspace = $1 AND deadline <= $2 AND NOT EXISTS (
                  SELECT FROM joined j WHERE j.workspace = f.workspace AND j.feedback_id = f.feedback_id)"""
    found = [_feedback(row) for row in await tx.fetch(f"{late} LIMIT $3", workspace, tx.now, most)]
    await hold_requests(tx, {(one.workspace, one.request_id) for one in found if one.request_id})
    await hold_predictions(tx, {(one.workspace, name) for one in found for name in one.names})
    rows = await tx.fetch(
        f"DELETE FROM feedback WHERE (workspace, feedback_id) IN (SELECT workspace, feedback_id FROM ({late}) AS late"
        " WHERE feedback_id = ANY($3)) RETURNING *",
        workspace,
        tx.now,
        [one.feedback_id for one in found],
    )
    return [_feedback(row) for row in rows]


def _row(feedback: Feedback, deadline: datetime) -> tuple[object, ...]:
    text, number = (feedback.value, None) if isinstance(feedback.value, str) else (None, feedback.value)
    named, over = (*feedback.names, None, None)[:2]
    return (
        feedback.workspace,
        feedback.feedback_id,
        feedback.kind,
        text,
        number,
        feedback.source,
        feedback.trusted,
        feedback.basis,
        feedback.request_id,
        named,
        over,
        feedback.supersedes,
        feedback.actor,
        feedback.given_at,
        feedback.known_at,
        feedback.traceparent,
        deadline,
    )


def _feedback(row: Any) -> Feedback:
    kept = {name: row[name] for name in Feedback.__slots__ if name not in ("value", "names")}
    value = row["number"] if row["text"] is None else row["text"]
    return Feedback(**kept, value=value, names=tuple(row["names"]))
