"""What people may do: promote and roll back, naming the route's revision that they saw."""

from millrace.registry.domain import moves
from millrace.registry.domain.errors import NothingToRollBack, NotPromotable, StaleRevision
from millrace.registry.domain.standing import Standing
from millrace.registry.domain.turn import Turn


def promote(standing: Standing, version_id: str, *, seen: int, by: str, reason: str = "") -> Turn:
    """The version takes production, or the approval is given that its rollout waits for.

    Raises StaleRevision, VersionNotFound, and NotPromotable for production itself, a refused artifact, and one that
    was not inspected yet.
    """
    _fresh(standing, seen)
    version = standing.version(version_id)
    if version.stage in {"production", "refused"} or version.asked is None:
        raise NotPromotable(version_id, "not inspected yet" if version.stage == "registered" else version.stage)
    turn, rollout = Turn(standing), standing.rollout
    reason = reason or f"promoted by {by}"
    if rollout and rollout.version == version_id and rollout.awaiting:
        return moves.resume(moves.advance(turn, reason, by, approved=True))
    if rollout and rollout.version != version_id:
        turn = moves.retire(turn, f"{version_id} was promoted by {by}", by)
    return moves.resume(moves.promote(turn, version_id, reason, by))


def roll_back(standing: Standing, *, seen: int, by: str, to: str | None = None, reason: str = "") -> Turn:
    """Ends the rollout; without one, the production before (or `to`) answers again.

    Raises StaleRevision, VersionNotFound, NotPromotable for a `to` that never was in production, NothingToRollBack.
    """
    _fresh(standing, seen)
    turn = Turn(standing)
    reason = reason or f"rolled back by {by}"
    if standing.rollout and to is None:
        return moves.resume(moves.retire(turn, reason, by))
    if standing.production is None or not (to or standing.previous):
        raise NothingToRollBack(standing.workspace)
    target = to or standing.previous[-1]
    if target not in standing.previous:
        raise NotPromotable(target, standing.version(target).stage)
    if standing.rollout:
        turn = moves.retire(turn, reason, by)
    return moves.resume(moves.restore(turn, target, reason, by))


def _fresh(standing: Standing, seen: int) -> None:
    if seen != standing.route.revision:
        raise StaleRevision(standing.workspace, seen, standing.route.revision)
