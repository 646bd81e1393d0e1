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
    given = await erasure.standing(tx, given, _about)
    if given:
        await join_feedback(given, tx)


def _about(one: Given) -> erasure.About:
    return erasure.About(one.feedback.workspace, one.feedback.actor, one.feedback.known_at)
