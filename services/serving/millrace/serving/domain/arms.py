"""Which arm answers, and when a revision has been applied. Pure."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from uuid import UUID, uuid5

from millrace.events import Arm, Deployment, Route

PREDICTIONS = UUID("6f0d5f0e-1b7c-5a57-9d0a-4f5f7f2c9b11")
"""Namespace of prediction ids."""


def fraction(version: str, unit: str) -> float:
    """Where a unit stands in [0, 1) for a version: the same on every replica, another for each rollout."""
    hashed = blake2b(f"{version}\x1f{unit}".encode("utf-8", "surrogatepass"), digest_size=8).digest()
    return int.from_bytes(hashed, "big") / 2**64


def assign(route: Route, unit: str) -> Arm:
    """Canary for the units below its share; a share that grows keeps those it had."""
    canary = route.canary
    if canary is not None and fraction(canary.deployment.version, unit) < canary.share:
        return "canary"
    return "production"


def deployment(route: Route, arm: Arm) -> Deployment | None:
    if arm == "canary":
        return route.canary.deployment if route.canary else None
    return route.shadow if arm == "shadow" else route.production


def prediction_id(workspace: str, request_id: str, version: str, arm: Arm) -> UUID:
    """A repeated request has the same predictions, so that it is counted once."""
    return uuid5(PREDICTIONS, f"{workspace}\x1f{request_id}\x1f{version}\x1f{arm}")


@dataclass(frozen=True)
class Report:
    """What a replica says of a revision."""

    revision: int
    ok: bool
    reason: str = ""


@dataclass(frozen=True)
class Applied:
    ok: bool
    replicas: int
    reason: str = ""


def conclude(revision: int, live: Collection[UUID], reports: Mapping[UUID, Collection[Report]]) -> Applied | None:
    """Ok when every live replica has the revision or a later one, failed when one can't; None while one has not said.

    ``reports`` holds those of this revision and later ones.
    """
    if not live:
        return None
    for replica in sorted(live):
        for report in reports.get(replica, ()):
            if report.revision == revision and not report.ok:
                return Applied(False, len(live), report.reason)
    missing = [replica for replica in live if not reports.get(replica)]
    return None if missing else Applied(True, len(live))
