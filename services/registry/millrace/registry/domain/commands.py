"""What people may do, naming the route's revision that they saw: promote, approve, roll back."""

from millrace.registry.domain import moves
from millrace.registry.domain.errors import (
    NothingToApprove,
    NothingToRollBack,
    NotPromotable,
    SamePerson,
    StaleRevision,
    VersionHeld,
)
from millrace.registry.domain.standing import Request, Standing, Version
from millrace.registry.domain.turn import Turn


def promote(standing: Standing, version_id: str, *, seen: int, by: str, reason: str = "") -> Turn:
    """The version takes production, or the approval is given that its rollout waits for.

    Where the workspace declares four eyes, it is asked for: another person has to approve. Raises StaleRevision,
    VersionNotFound, VersionHeld, SamePerson, and NotPromotable for production itself, a refused artifact, and one that
    was not inspected yet.
    """
    _fresh(standing, seen)
    version = standing.version(version_id)
    if version.stage in {"production", "refused"} or version.asked is None:
        raise NotPromotable(version_id, "not inspected yet" if version.stage == "registered" else version.stage)
    _free(standing, version_id, standing.production)
    reason = reason or f"promoted by {by}"
    if _awaits(standing, version_id):
        return approve(standing, version_id, seen=seen, by=by, reason=reason)
    if standing.plan.four_eyes:
        turn = Turn(standing).keep(request=Request(version_id, by, reason))
        return turn.note("awaits approval", f"{by} asks for production: {reason}", version_id, by)
    return _take(standing, version_id, reason, by)


def approve(standing: Standing, version_id: str, *, seen: int, by: str, reason: str = "") -> Turn:
    """A person's yes to a version that waits for one: its rollout, or a promotion that somebody else asked for.

    Raises StaleRevision, VersionNotFound, VersionHeld, NothingToApprove, and SamePerson where the workspace declares
    four eyes and it was `by` who had the version trained or asked for its promotion.
    """
    _fresh(standing, seen)
    version = standing.version(version_id)
    request = standing.request if standing.request and standing.request.version == version_id else None
    if not (_awaits(standing, version_id) or request):
        raise NothingToApprove(version_id)
    _free(standing, version_id, standing.production)
    _other(standing, version, request, by)
    reason = reason or f"approved by {by}"
    if _awaits(standing, version_id):
        return moves.resume(moves.advance(Turn(standing), reason, by, approved=True))
    assert request is not None
    return _take(standing, version_id, f"{reason}; {request.by} asked: {request.reason}", by)


def _take(standing: Standing, version_id: str, reason: str, by: str) -> Turn:
    """Production goes to a version at once; a rollout of another ends."""
    turn, rollout = Turn(standing), standing.rollout
    if rollout and rollout.version != version_id:
        _free(standing, rollout.version)
        turn = moves.retire(turn, f"{version_id} was promoted by {by}", by)
    return moves.resume(moves.promote(turn, version_id, reason, by))


def roll_back(standing: Standing, *, seen: int, by: str, to: str | None = None, reason: str = "") -> Turn:
    """Ends the rollout; without one, the production before (or `to`) answers again.

    Raises StaleRevision, VersionNotFound, VersionHeld, NotPromotable for a `to` that never was in production,
    NothingToRollBack.
    """
    _fresh(standing, seen)
    turn = Turn(standing)
    reason = reason or f"rolled back by {by}"
    if standing.rollout and to is None:
        _free(standing, standing.rollout.version)
        return moves.resume(moves.retire(turn, reason, by))
    if standing.production is None or not (to or standing.previous):
        raise NothingToRollBack(standing.workspace)
    target = to or standing.previous[-1]
    if target not in standing.previous:
        raise NotPromotable(target, standing.version(target).stage)
    _free(standing, target, standing.production, standing.rollout.version if standing.rollout else None)
    if standing.rollout:
        turn = moves.retire(turn, reason, by)
    return moves.resume(moves.restore(turn, target, reason, by))


def _awaits(standing: Standing, version_id: str) -> bool:
    rollout = standing.rollout
    return rollout is not None and rollout.version == version_id and rollout.awaiting


def _free(standing: Standing, *versions: str | None) -> None:
    """Raises VersionHeld for the first of them that may not move."""
    for version_id in filter(None, versions):
        if hold := standing.version(version_id).hold:
            raise VersionHeld(version_id, hold.by, hold.reason)


def _other(standing: Standing, version: Version, request: Request | None, by: str) -> None:
    """Raises SamePerson."""
    rollout = standing.rollout if _awaits(standing, version.id) else None
    if not (standing.plan.four_eyes or (rollout and rollout.plan.four_eyes)):
        return
    if request and _same(request.by, by):
        raise SamePerson(version.id, by, "asked for its promotion")
    if version.asked_by and _same(version.asked_by, by):
        raise SamePerson(version.id, by, "had it trained")


def _same(one: str, other: str) -> bool:
    return one.strip().casefold() == other.strip().casefold()


def _fresh(standing: Standing, seen: int) -> None:
    if seen != standing.route.revision:
        raise StaleRevision(standing.workspace, seen, standing.route.revision)
