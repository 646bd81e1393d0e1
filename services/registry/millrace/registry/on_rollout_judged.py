"""rollout.judged -> model.staged, workspace.routed"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import RolloutJudged
from millrace.registry import domain, turns
from millrace.registry.ledger import MOVES


@handles(RolloutJudged, emits=MOVES)
async def on_rollout_judged(events: Sequence[RolloutJudged], tx: Transaction) -> None:
    for event in events:
        await turns.take(tx, event, domain.judged, versions=[event.version])
