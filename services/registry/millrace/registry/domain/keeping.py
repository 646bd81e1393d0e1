"""What people say of one version, whatever the route: hold it, release it, note something, sign it anew."""

from collections.abc import Mapping

from millrace.events import Canary, Signature
from millrace.registry.domain import moves
from millrace.registry.domain.errors import NotHeld, NotPromotable, NotYetServed, RolloutUnderWay, VersionHeld
from millrace.registry.domain.standing import Hold, Owed, Standing, Version
from millrace.registry.domain.turn import Turn

EVIDENCE = "evidence"
UPGRADE = "upgrade"


def hold(standing: Standing, version_id: str, *, by: str, reason: str) -> Turn:
    """Keeps a version at its stage until it is released. Raises VersionNotFound, VersionHeld, NotYetServed."""
    version = standing.version(version_id)
    if version.hold:
        raise VersionHeld(version_id, version.hold.by, version.hold.reason)
    if version_id == standing.production and not standing.confirmed:
        raise NotYetServed(version_id)
    return Turn(standing).mark(version_id, hold=Hold(by, reason)).note("hold", reason, version_id, by)


def release(standing: Standing, version_id: str, *, by: str, reason: str = "") -> Turn:
    """Lets a version move again, and does what evidence has asked for since. Raises VersionNotFound, NotHeld."""
    if not standing.version(version_id).hold:
        raise NotHeld(version_id)
    turn = Turn(standing).mark(version_id, hold=None).note("release", reason or f"released by {by}", version_id, by)
    rollout = turn.standing.rollout
    waiting = {version_id, *((rollout.version,) if rollout and version_id == standing.production else ())}
    for each in sorted(waiting):
        version = turn.standing.version(each)
        if version.owed and not version.hold:
            turn = _carry_out(turn.mark(each, owed=None), each, version.owed)
    return moves.resume(turn)


def _carry_out(turn: Turn, version_id: str, owed: Owed) -> Turn:
    match owed.move:
        case "promote":
            return moves.advance(turn, owed.reason, EVIDENCE)
        case "roll-back":
            return moves.retire(turn, owed.reason, EVIDENCE)
        case ending:
            return turn.stage(version_id, ending, owed.reason, EVIDENCE)


def note(standing: Standing, version_id: str, *, by: str, text: str) -> Turn:
    """Raises VersionNotFound."""
    standing.version(version_id)
    return Turn(standing).note("note", text, version_id, by)


def sign_anew(standing: Standing, version_id: str, signature: Signature, *, by: str) -> Turn:
    """A version is signed with another key; where it is routed, a route says so.

    Raises VersionNotFound, NotPromotable for one that was never inspected, and RolloutUnderWay: a rollout's evidence
    is of one revision of the route.
    """
    version = standing.version(version_id)
    if version.stage == "refused" or version.asked is None:
        raise NotPromotable(version_id, "not inspected" if version.stage == "registered" else version.stage)
    if standing.rollout and standing.rollout.at >= 0:
        raise RolloutUnderWay(standing.workspace, standing.rollout.version)
    deployment = version.deployment.model_copy(update={"signature": signature})
    turn = Turn(standing).mark(version_id, deployment=deployment)
    turn = turn.note("signed", f"with key {signature.key}", version_id, by)
    if version_id != standing.production:
        return turn
    return turn.switch(f"{version_id} was signed anew", by, production=deployment)


def sign_first(standing: Standing, signatures: Mapping[str, Signature], problems: Mapping[str, str]) -> Turn:
    """Versions of before there were signatures get theirs; those with `problems` go without, and are loaded no more.

    What is routed is routed anew, at the same step. What is being judged is asked for again under that route, so that
    an answer to the unsigned question is stale.
    """
    turn = Turn(standing)
    for version_id, signature in signatures.items():
        deployment = standing.version(version_id).deployment.model_copy(update={"signature": signature})
        turn = turn.mark(version_id, deployment=deployment)
        turn = turn.note("signed", f"with key {signature.key}; registered before there were any", version_id, UPGRADE)
    for version_id, problem in problems.items():
        turn = turn.note("not signed", problem, version_id, UPGRADE)
    judged = [v.id for v in turn.standing.versions.values() if v.id in signatures and _judged(v)]
    if judged or any(one.version in signatures for one in standing.route.deployments()):
        turn = _routed_anew(turn)
    for version_id in judged:
        turn = turn.ask(version_id)
    return turn


def _judged(version: Version) -> bool:
    return version.stage == "registered" and version.asked is not None and not version.passed and not version.owed


def _routed_anew(turn: Turn) -> Turn:
    """The same route with its versions as they are signed now."""
    standing, route = turn.standing, turn.standing.route
    canary = route.canary
    return turn.switch(
        "its versions are signed",
        UPGRADE,
        production=standing.version(route.production.version).deployment if route.production else None,
        shadow=standing.version(route.shadow.version).deployment if route.shadow else None,
        canary=Canary(deployment=standing.version(canary.deployment.version).deployment, share=canary.share)
        if canary
        else None,
        revision=route.workspace_revision,
    )
