"""How long each class of topic keeps what was published on it, and we what came from it."""

from collections.abc import Mapping
from datetime import timedelta

from millrace.events import Retention

INTAKE, TRAFFIC = timedelta(hours=72), timedelta(days=7)
KEPT: Mapping[Retention, timedelta | None] = {"intake": INTAKE, "traffic": TRAFFIC, "ledger": None, "table": None}


def segment(kept: timedelta) -> timedelta:
    """How long Kafka writes to one file of a topic. It forgets whole files, and would write to one for a week."""
    return kept / 12


def forgotten_after(kept: timedelta) -> timedelta:
    """By when a record is gone at the latest: its file is forgotten with the last in it."""
    return kept + segment(kept)
