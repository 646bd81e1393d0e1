"""One turn of the state machine: a standing and what was decided on the way to it."""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Literal

from millrace.events import Canary, Deployment, Route, Stage
from millrace.registry.domain.decisions import Asked, Decision, Noted, Registered, Routed, Staged
from millrace.registry.domain.standing import Hold, Owed, Standing, Version


@dataclass(frozen=True, slots=True)
class Turn:
    standing: Standing
    decisions: tuple[Decision, ...] = ()

    def keep(self, **changes: Any) -> "Turn":
        return replace(self, standing=replace(self.standing, **changes))

    def note(self, what: str, reason: str, version: str | None = None, by: str = "evidence") -> "Turn":
        return self._decide(Noted(what, reason, version, by))

    def owe(
        self,
        version_id: str,
        move: Literal["promote", "roll-back", "refused", "rejected", "failed"],
        reason: str,
        hold: Hold,
    ) -> "Turn":
        """Evidence would move a version that is held, or past one that is: it does once that is released."""
        turn = self.mark(version_id, owed=Owed(move, reason))
        return turn.note("held", f"{move}: {reason}; held by {hold.by}: {hold.reason}", version_id)

    def register(self, version: Version, scores: Mapping[str, float]) -> "Turn":
        return self._with(version)._decide(Registered(version, dict(scores)))

    def mark(self, version_id: str, **changes: Any) -> "Turn":
        return self._with(replace(self.standing.version(version_id), **changes))

    def ask(self, version_id: str) -> "Turn":
        standing = self.standing
        turn = self.mark(version_id, asked=standing.route.revision, against=standing.production, passed=False)
        version = turn.standing.version(version_id)
        return turn._decide(Asked(version, standing.route, standing.plan.revision, dict(standing.best)))

    def stage(self, version_id: str, stage: Stage, reason: str, by: str) -> "Turn":
        """Route first, then stage: what is told of a stage carries the route that it came with."""
        turn = self.mark(version_id, stage=stage)
        version = turn.standing.version(version_id)
        return turn._decide(Staged(version, stage, reason, self.standing.route, version.attempt, by))

    def fail(self, reason: str, attempt: int) -> "Turn":
        return self._decide(Staged(None, "failed", reason, self.standing.route, attempt, "evidence"))

    def switch(
        self,
        reason: str,
        by: str,
        *,
        production: Deployment | None,
        shadow: Deployment | None = None,
        canary: Canary | None = None,
        revision: int | None = None,
    ) -> "Turn":
        """The whole next route; `revision` is the declaration's that a rollout started under."""
        route = Route(
            revision=self.standing.route.revision + 1,
            workspace_revision=revision or self.standing.plan.revision,
            production=production,
            shadow=shadow,
            canary=canary,
        )
        return self.keep(route=route).announce(reason, by)

    def announce(self, reason: str, by: str) -> "Turn":
        return self._decide(Routed(self.standing.route, reason, by))

    def _with(self, version: Version) -> "Turn":
        return self.keep(versions={**self.standing.versions, version.id: version})

    def _decide(self, decision: Decision) -> "Turn":
        return replace(self, decisions=(*self.decisions, decision))
