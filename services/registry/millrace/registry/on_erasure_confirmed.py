"""erasure.confirmed (by datasets) -> erasure.confirmed: versions that had learned from the erased rows are flagged"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.events import ErasureConfirmed
from millrace.registry import ledger, store
from millrace.registry.domain import Noted, Turn


@handles(ErasureConfirmed, emits=[ErasureConfirmed])
async def on_erasure_confirmed(events: Sequence[ErasureConfirmed], tx: Transaction) -> None:
    """Nothing is taken out of weights: whether to train anew is the team's to decide, and the ledger says so."""
    for event in events:
        if event.service != "datasets":
            continue
        flagged = await store.flag(tx, event.workspace, event.datasets, event.erasure)
        standing = await store.load(tx, event.workspace)
        reason = f"erasure {event.erasure}: it had learned from rows that are erased"
        await ledger.record(tx, event, Turn(standing, tuple(Noted("redacted", reason, one) for one in flagged)))
        tx.emit(
            ErasureConfirmed.caused_by(
                event, workspace=event.workspace, erasure=event.erasure, service="registry", versions=flagged
            )
        )
