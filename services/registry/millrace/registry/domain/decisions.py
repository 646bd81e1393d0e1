"""What registry decides, each a row of the ledger; all but a note are also told to others."""

from dataclasses import dataclass

from millrace.events import Route, Stage
from millrace.registry.domain.standing import Version


@dataclass(frozen=True, slots=True)
class Registered:
    version: Version
    scores: dict[str, float]


@dataclass(frozen=True, slots=True)
class Asked:
    """Evaluation is to judge `version` against the route's production and the best there ever was."""

    version: Version
    route: Route
    workspace_revision: int
    best: dict[str, float]


@dataclass(frozen=True, slots=True)
class Staged:
    """`version` is None where a cycle ended before there was one."""

    version: Version | None
    stage: Stage
    reason: str
    route: Route
    attempt: int
    by: str


@dataclass(frozen=True, slots=True)
class Routed:
    route: Route
    reason: str
    by: str


@dataclass(frozen=True, slots=True)
class Noted:
    """Recorded without acting: stale, repeated, waiting; what a person noted, held or released."""

    what: str
    reason: str
    version: str | None = None
    by: str = "evidence"


Decision = Registered | Asked | Staged | Routed | Noted
