"""workspace.routed -> a step to judge, once route.applied says that every replica has it"""

from collections.abc import Sequence

from millrace.chassis import Transaction, handles
from millrace.evaluation import rollouts
from millrace.evaluation.domain.step import Step
from millrace.evaluation.store import specs, steps
from millrace.events import WorkspaceRouted


@handles(WorkspaceRouted)
async def on_workspace_routed(events: Sequence[WorkspaceRouted], tx: Transaction) -> None:
    await steps.lock(tx, {event.workspace for event in events})
    for event in events:
        route = event.route
        for revision in await steps.supersede(tx, event.workspace, route.revision):
            await rollouts.clear(tx, event.workspace, revision, event)
        if route.production is None or not (route.shadow or route.canary):
            continue
        spec = await specs.load(tx, event.workspace, route.workspace_revision)
        if step := Step.of(event, spec):
            await steps.append(tx, step)
            await rollouts.start(tx, event.workspace, route.revision, event)
