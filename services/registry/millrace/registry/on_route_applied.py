"""route.applied -> model.staged, workspace.routed where it failed"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import RouteApplied
from millrace.registry import domain, turns
from millrace.registry.ledger import MOVES


@handles(RouteApplied, emits=MOVES)
async def on_route_applied(events: Sequence[RouteApplied], tx: Transaction) -> None:
    for event in events:
        await turns.take(tx, event, domain.applied)
