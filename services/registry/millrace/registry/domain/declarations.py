"""What a team declares, as registry needs it."""

from millrace.events import Route
from millrace.registry.domain.standing import Plan, Standing
from millrace.registry.domain.turn import Turn
from millrace.workspace import Workspace


def plan_of(spec: Workspace, revision: int) -> Plan:
    rollout = spec.rollout
    return Plan(
        revision=revision,
        shadow=rollout.shadow is not None,
        shares=rollout.canary.shares if rollout.canary else (),
        approval=rollout.approval != "none",
        four_eyes=rollout.approval == "four-eyes",
        otherwise=rollout.otherwise,
    )


def opened(spec: Workspace, by: str) -> Turn:
    """A new workspace's first route has no production, so that readers know the workspace at once."""
    standing = Standing(spec.workspace, plan_of(spec, 1), Route(revision=0, workspace_revision=1))
    return Turn(standing).announce("declared", by)


def redeclared(standing: Standing, spec: Workspace) -> Turn:
    """A new revision of the declaration. A rollout under way keeps the one that it started under."""
    return Turn(standing).keep(plan=plan_of(spec, standing.plan.revision + 1))
