"""feedback.recorded -> drift.detected"""

from collections.abc import Sequence
from datetime import timedelta

from millrace.chassis import Table, Transaction, handles
from millrace.drift.domain import judged
from millrace.drift.watch import watch
from millrace.events import DriftDetected, FeedbackRecorded
from millrace.workspace import Workspace


@handles(FeedbackRecorded, emits=[DriftDetected])
async def on_feedback_recorded(
    events: Sequence[FeedbackRecorded], tx: Transaction, *, workspaces: Table[Workspace], cool_down: timedelta
) -> None:
    seen = ((event, key, observation) for event in events for key, observation in judged(event))
    await watch(seen, tx, workspaces=workspaces, cool_down=cool_down)
