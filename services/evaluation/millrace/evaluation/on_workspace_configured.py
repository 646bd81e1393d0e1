"""workspace.configured -> nothing: every revision is kept, for the rollouts that keep theirs"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.evaluation.store import specs
from millrace.events import WorkspaceConfigured


@handles(WorkspaceConfigured)
async def on_workspace_configured(events: Sequence[WorkspaceConfigured], tx: Transaction) -> None:
    await specs.save(tx, [(event.workspace, event.revision, event.spec) for event in events])
