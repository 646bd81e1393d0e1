"""A person's rows: a unit of assignment and an actor are named by the same pseudonym."""

from millrace.chassis import Transaction
from millrace.chassis.erasure import Forgotten


async def erase(tx: Transaction, who: Forgotten, most: int) -> dict[str, int]:
    """Takes out up to `most` answers to a person with what was said of them, and as much of what the person said."""
    answers = await tx.fetch(
        """DELETE FROM predictions WHERE ctid = ANY (ARRAY(
               SELECT ctid FROM predictions WHERE workspace = $1 AND unit = $2 AND known_at <= $3 LIMIT $4))
           RETURNING prediction_id, request_id""",
        who.workspace,
        who.subject,
        who.until,
        most,
    )
    names = [row["prediction_id"] for row in answers]
    said = await tx.fetch(
        """DELETE FROM feedback WHERE workspace = $1 AND (
               request_id = ANY($2) OR names[1] = ANY($3) OR names[2] = ANY($3) OR feedback_id = ANY (ARRAY(
                   SELECT feedback_id FROM feedback WHERE workspace = $1 AND actor = $4 AND known_at <= $5 LIMIT $6)))
           RETURNING feedback_id""",
        who.workspace,
        [row["request_id"] for row in answers],
        names,
        who.subject,
        who.until,
        most,
    )
    await tx.execute(
        "DELETE FROM joined WHERE workspace = $1 AND (prediction_id = ANY($2) OR feedback_id = ANY($3))",
        who.workspace,
        names,
        [row["feedback_id"] for row in said],
    )
    await tx.execute("DELETE FROM annotations WHERE workspace = $1 AND prediction_id = ANY($2)", who.workspace, names)
    return {"predictions": len(answers), "feedback": len(said)}
