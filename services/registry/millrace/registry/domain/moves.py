"""The moves that evidence and people share: begin, advance, promote, retire, restore."""

from dataclasses import replace

from millrace.events import Canary
from millrace.registry.domain.standing import Hold, Rollout, Standing, Step
from millrace.registry.domain.turn import Turn

REMEMBERED = 20
"""How many earlier productions a workspace can be rolled back through."""


def proceed(turn: Turn, version_id: str) -> Turn:
    """A version that passed the gate goes on: judged again if production moved, waiting while another is rolled out."""
    standing = turn.standing
    version = standing.version(version_id)
    if version.against != standing.production:
        return turn.note("asked again", "production moved since it was judged", version_id).ask(version_id)
    if version.hold:
        return turn.note("held", f"it passed the gate; held by {version.hold.by}: {version.hold.reason}", version_id)
    if standing.rollout:
        return turn.note("waiting", f"{standing.rollout.version} is being rolled out", version_id)
    steps = standing.plan.steps(production=standing.production is not None)
    turn = turn.keep(rollout=Rollout(version_id, standing.plan, steps))
    return advance(turn, "passed the gate", "evidence")


def resume(turn: Turn) -> Turn:
    """Those that passed while another was rolled out get their turn, the oldest first."""
    waiting = [v for v in turn.standing.versions.values() if v.passed and v.stage == "registered" and not v.hold]
    for version in sorted(waiting, key=lambda v: v.number):
        if turn.standing.rollout is None or version.against != turn.standing.production:
            turn = proceed(turn, version.id)
    return turn


def advance(turn: Turn, reason: str, by: str, *, approved: bool = False) -> Turn:
    """The rollout's next step, or a wait for a person's yes before production."""
    rollout = turn.standing.rollout
    assert rollout is not None
    if hold := _held(turn, rollout):
        return turn.owe(rollout.version, "promote", reason, hold)
    if rollout.next.stage != "production":
        return _step(turn, rollout, reason, by)
    if rollout.plan.approval and not approved:
        turn = turn.keep(rollout=replace(rollout, awaiting=True))
        return turn.note("awaits approval", reason, rollout.version)
    return promote(turn, rollout.version, reason, by)


def _held(turn: Turn, rollout: Rollout) -> Hold | None:
    """Whose hold keeps a rollout from its next step: its version's own, or production's, which would be superseded."""
    standing = turn.standing
    own = standing.version(rollout.version).hold
    if own or rollout.next.stage != "production" or standing.production is None:
        return own
    return standing.version(standing.production).hold


def _step(turn: Turn, rollout: Rollout, reason: str, by: str) -> Turn:
    step: Step = rollout.next
    standing = turn.standing
    deployment = standing.version(rollout.version).deployment
    turn = turn.keep(rollout=replace(rollout, at=rollout.at + 1)).switch(
        reason,
        by,
        production=standing.route.production,
        shadow=deployment if step.stage == "shadow" else None,
        canary=Canary(deployment=deployment, share=step.share) if step.share else None,
        revision=rollout.plan.revision,
    )
    return turn.stage(rollout.version, step.stage, f"{step}: {reason}", by)


def promote(turn: Turn, version_id: str, reason: str, by: str) -> Turn:
    standing = turn.standing
    before, rollout = standing.production, standing.rollout
    previous = [v for v in (*standing.previous, before) if v and v != version_id]
    turn = turn.keep(rollout=None, request=None, previous=tuple(previous[-REMEMBERED:]), confirmed=False)
    deployment = standing.version(version_id).deployment
    turn = turn.switch(reason, by, production=deployment, revision=rollout.plan.revision if rollout else None)
    if before:
        turn = turn.stage(before, "superseded", f"{version_id} took over", by)
    return turn.stage(version_id, "production", reason, by)


def retire(turn: Turn, reason: str, by: str) -> Turn:
    """The rollout ends: its version is rolled back and production answers alone.

    One that is held gets no traffic any more, which protects callers, and is rolled back once it is released.
    """
    standing = turn.standing
    assert standing.rollout is not None
    version = standing.version(standing.rollout.version)
    if not version.hold:
        turn = turn.keep(rollout=None)
    if standing.route.shadow or standing.route.canary:
        turn = turn.switch(reason, by, production=standing.route.production)
    if version.hold:
        return turn.owe(version.id, "roll-back", reason, version.hold)
    return turn.stage(version.id, "rolled-back", reason, by)


def before(standing: Standing) -> str | None:
    """The latest of the productions before that may answer again."""
    back = (v for v in reversed(standing.previous) if v in standing.versions and not standing.versions[v].hold)
    return next(back, None)


def restore(turn: Turn, version_id: str | None, reason: str, by: str) -> Turn:
    """An earlier production (or none) takes the place of the present one, which is rolled back.

    It counts as confirmed: were its route to fail too, going back once more would help nobody.
    """
    standing = turn.standing
    gone = standing.production
    assert gone is not None
    turn = turn.keep(previous=tuple(v for v in standing.previous if v != version_id), confirmed=True)
    deployment = standing.version(version_id).deployment if version_id else None
    turn = turn.switch(reason, by, production=deployment).stage(gone, "rolled-back", reason, by)
    return turn.stage(version_id, "production", f"{gone} was rolled back", by) if version_id else turn
