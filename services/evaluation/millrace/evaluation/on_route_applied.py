"""route.applied -> the clock of a step starts"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.evaluation import rollouts
from millrace.evaluation.store import steps
from millrace.events import RouteApplied


@handles(RouteApplied)
async def on_route_applied(events: Sequence[RouteApplied], tx: Transaction) -> None:
    await steps.lock(tx, {event.workspace for event in events})
    for event in events:
        if event.ok:
            await steps.apply(tx, event.workspace, event.revision, event.occurred_at)
            await rollouts.start(tx, event.workspace, event.revision, event)
