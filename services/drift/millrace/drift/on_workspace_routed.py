"""workspace.routed: which version is in production, so that monitors of versions long gone are forgotten"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.drift import store
from millrace.events import WorkspaceRouted


@handles(WorkspaceRouted)
async def on_workspace_routed(events: Sequence[WorkspaceRouted], tx: Transaction, *, keep: int) -> None:
    productions = {
        event.workspace: (event.route.production.version, event.route.revision)
        for event in events
        if event.route.production
    }
    if productions:
        await store.route(tx, productions, keep)
