"""drift.detected -> retraining.requested"""

from collections.abc import Sequence
from functools import partial

from millrace.chassis import Table, Transaction, handles
from millrace.events import DriftDetected
from millrace.training import domain, turns
from millrace.training.declared import Declared
from millrace.training.turns import MOVES


@handles(DriftDetected, emits=MOVES)
async def on_drift_detected(events: Sequence[DriftDetected], tx: Transaction, *, specs: Table[Declared]) -> None:
    for event in events:
        policy = (await specs.get(event.workspace)).policy
        decide = partial(domain.drifted, event=event, policy=policy, now=tx.now)
        await turns.take(tx, event, event.workspace, decide)
