"""How long each class of topic keeps what was published on it, and we what came from it."""

from collections.abc import Mapping
from datetime import timedelta

from millrace.events import Retention

INTAKE, TRAFFIC = timedelta(hours=72), timedelta(days=7)
KEPT: Mapping[Retention, timedelta | None] = {"intake": INTAKE, "traffic": TRAFFIC, "ledger": None, "table": None}
