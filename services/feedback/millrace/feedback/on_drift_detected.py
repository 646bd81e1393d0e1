"""drift.detected: answers are put up for people to label, once those since the change have arrived"""

from collections.abc import Sequence
from datetime import timedelta

from millrace.chassis import Transaction, handles
from millrace.events import DriftDetected


@handles(DriftDetected)
async def on_drift_detected(events: Sequence[DriftDetected], tx: Transaction, *, settle: timedelta) -> None:
    for event in events:
        await tx.schedule(
            "annotate",
            key=str(event.id),
            workspace=event.workspace,
            cause=event,
            payload={"version": event.version, "since": event.change_point.isoformat()},
            at=tx.now + settle,
        )
