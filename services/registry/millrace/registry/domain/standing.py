"""Where a workspace stands: its declaration, its versions in play, its route and its rollout."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Literal
from uuid import UUID

from millrace.events import Deployment, Route, Stage
from millrace.registry.domain.errors import VersionNotFound


@dataclass(frozen=True, slots=True)
class Step:
    """One stage of a rollout; `share` of the assignment units for a canary."""

    stage: Literal["shadow", "canary", "production"]
    share: float | None = None

    def __str__(self) -> str:
        return f"{self.stage} {self.share:g}" if self.share else self.stage


@dataclass(frozen=True, slots=True)
class Plan:
    """The rollout that a workspace declares, under the declaration's revision.

    `four_eyes`: what one person asked for, another has to approve.
    """

    revision: int
    shadow: bool = True
    shares: tuple[float, ...] = ()
    approval: bool = False
    four_eyes: bool = False
    otherwise: Literal["roll-back", "promote"] = "roll-back"

    def steps(self, *, production: bool) -> tuple[Step, ...]:
        """Without a production version there is nothing to compare with, so the first goes straight there."""
        if not production:
            return (Step("production"),)
        shadow = (Step("shadow"),) if self.shadow else ()
        return (*shadow, *(Step("canary", share) for share in self.shares), Step("production"))


@dataclass(frozen=True, slots=True)
class Rollout:
    """A version on its way. It keeps the plan under which it started. `awaiting` a person's yes to production."""

    version: str
    plan: Plan
    steps: tuple[Step, ...]
    at: int = -1
    awaiting: bool = False

    @property
    def step(self) -> Step | None:
        return self.steps[self.at] if self.at >= 0 else None

    @property
    def next(self) -> Step:
        return self.steps[self.at + 1]


@dataclass(frozen=True, slots=True)
class Hold:
    """Who keeps a version where it is, and why."""

    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Owed:
    """What evidence said of a version while it was held: carried out once it is released."""

    move: Literal["promote", "roll-back", "refused", "rejected", "failed"]
    reason: str


@dataclass(frozen=True, slots=True)
class Request:
    """A promotion that a person asked for and another has to approve."""

    version: str
    by: str
    reason: str


@dataclass(frozen=True, slots=True)
class Version:
    """A version and where it stands. `asked` is the route's revision of the last request to judge it, `report` the
    blob of what came of the last judgement.

    `asked_by` is the person who had it trained or registered it, if a person did.
    """

    id: str
    number: int
    deployment: Deployment
    run_id: str
    dataset: str
    manifest: str
    method: str
    base: str
    attempt: int = 1
    stage: Stage = "registered"
    parent: str | None = None
    cycle_id: UUID | None = None
    change_point: datetime | None = None
    asked: int | None = None
    against: str | None = None
    passed: bool = False
    scores: Mapping[str, float] = field(default_factory=dict)
    report: str | None = None
    asked_by: str | None = None
    hold: Hold | None = None
    owed: Owed | None = None


@dataclass(frozen=True, slots=True)
class Standing:
    """`versions` are those in play and those that an event names; `previous` the productions before, latest last.

    `confirmed` says that serving has reported the production version loaded: only then does it count for `best`.
    `request` is the promotion that waits for a second person.
    """

    workspace: str
    plan: Plan
    route: Route
    versions: Mapping[str, Version] = field(default_factory=dict)
    numbered: int = 0
    rollout: Rollout | None = None
    best: Mapping[str, float] = field(default_factory=dict)
    previous: tuple[str, ...] = ()
    confirmed: bool = True
    request: Request | None = None

    @property
    def production(self) -> str | None:
        return self.route.production.version if self.route.production else None

    def version(self, version_id: str) -> Version:
        if version_id not in self.versions:
            raise VersionNotFound(self.workspace, version_id)
        return self.versions[version_id]
