"""retraining.requested: opens a durable wait, which ends in a cut or at the deadline"""

from collections.abc import Sequence

from millrace.chassis import Table, Transaction, handles
from millrace.datasets import store
from millrace.events import RetrainingRequested
from millrace.workspace import Workspace


@handles(RetrainingRequested)
async def on_retraining_requested(
    events: Sequence[RetrainingRequested], tx: Transaction, *, workspaces: Table[Workspace]
) -> None:
    for event in sorted(events, key=lambda event: event.workspace):
        spec = await workspaces.get(event.workspace)
        await store.lock(tx, event.workspace)
        cut = await store.open_cut(tx, event)
        enough = cut.seen >= cut.min_labels or spec.target is not None  # how many moments there are, the job counts
        due = tx.now if event.dataset or enough else event.deadline
        await tx.schedule("cut", key=cut.key, workspace=event.workspace, cause=event, at=due)
