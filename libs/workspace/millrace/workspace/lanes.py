"""Lanes: how one workspace's predictions, feedback and observations are spread without losing order by id."""

from __future__ import annotations

from hashlib import blake2b


def stable_lane(id: str, lanes: int) -> int:
    """The lane of an id, in [0, lanes): the same on every machine and in every release."""
    if lanes < 1:
        raise ValueError("lanes must be at least 1")
    return int.from_bytes(blake2b(id.encode("utf-8", "surrogatepass"), digest_size=8).digest(), "big") % lanes


def lane_key(workspace: str, id: str, lanes: int) -> str:
    """The Kafka key `workspace/lane` of predictions, feedback and observations."""
    return f"{workspace}/{stable_lane(id, lanes)}"
