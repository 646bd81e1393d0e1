"""prediction.served -> drift.detected"""

from collections.abc import Sequence
from datetime import timedelta

from millrace.chassis import Table, Transaction, handles
from millrace.drift.domain import watched
from millrace.drift.watch import watch
from millrace.events import DriftDetected, PredictionServed
from millrace.workspace import Workspace


@handles(PredictionServed, emits=[DriftDetected])
async def on_prediction_served(
    events: Sequence[PredictionServed], tx: Transaction, *, workspaces: Table[Workspace], cool_down: timedelta
) -> None:
    seen = ((event, key, observation) for event in events for key, observation in watched(event))
    await watch(seen, tx, workspaces=workspaces, cool_down=cool_down)
