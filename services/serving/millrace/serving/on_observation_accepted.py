"""observation.accepted: what features are computed from, as soon as it is known"""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from functools import partial

from millrace.chassis import Table, Transaction, erasure, handles
from millrace.events import ObservationAccepted
from millrace.features import Plan
from millrace.serving import metrics, observations
from millrace.workspace import Workspace


@handles(ObservationAccepted)
async def on_observation_accepted(
    events: Sequence[ObservationAccepted], tx: Transaction, *, specs: Table[Workspace], secret: str
) -> None:
    subjects = observations.subjects(events, secret)
    by_workspace: defaultdict[str, list[ObservationAccepted]] = defaultdict(list)
    for event in await erasure.standing(tx, events, partial(_about, subjects)):
        by_workspace[event.workspace].append(event)
    for name in sorted(by_workspace):
        plan = Plan.of(await specs.get(name))
        if plan.definitions:
            batch = by_workspace[name]
            taken = await observations.take(tx, plan, batch, subjects)
            tx.after_commit.append(partial(metrics.OBSERVED.labels(name).inc, taken))
            due = observations.pruning(tx.now)
            await tx.schedule("prune", key=f"{name}/{due.isoformat()}", workspace=name, cause=batch[-1], at=due)


def _about(subjects: Mapping[tuple[str, str], str], one: ObservationAccepted) -> erasure.About:
    return erasure.About(one.workspace, subjects[one.workspace, one.entity], one.known_at)
