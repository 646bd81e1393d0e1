"""feedback.given -> feedback.recorded"""

from collections.abc import Sequence

from millrace.chassis import Table, Transaction, Unprocessable, erasure, handles
from millrace.events import FeedbackGiven, FeedbackRecorded
from millrace.feedback.domain import admit
from millrace.feedback.joining import Given, join_feedback
from millrace.workspace import Workspace


@handles(FeedbackGiven, emits=[FeedbackRecorded])
async def on_feedback_given(
    events: Sequence[FeedbackGiven], tx: Transaction, *, workspaces: Table[Workspace], secret: str
) -> None:
    given = []
    for event in events:
        try:
            workspace = await workspaces.get(event.workspace)
            given.append(Given(event, admit(event, workspace, secret), workspace.feedback.wait))
        except Unprocessable as reason:
            tx.refuse(event, reason)
    given = await _unless_erased(given, tx)
    if given:
        await join_feedback(given, tx)


async def _unless_erased(given: list[Given], tx: Transaction) -> list[Given]:
    """Without what people said who asked to be forgotten since."""
    said = [one.feedback for one in given]
    gone = await erasure.gone(tx, {(one.workspace, one.actor) for one in said if one.actor})
    return [
        one
        for one in given
        if (until := gone.get((one.feedback.workspace, one.feedback.actor or ""))) is None
        or one.feedback.known_at > until
    ]
