"""What registry refuses, each with the ids it is about."""

from millrace.chassis.errors import Conflict, NotFound


class WorkspaceNotFound(NotFound):
    def __init__(self, workspace: str) -> None:
        super().__init__(f"no workspace {workspace!r}: `millrace apply` declares one")
        self.workspace = workspace


class VersionNotFound(NotFound):
    def __init__(self, workspace: str, version: str) -> None:
        super().__init__(f"{workspace} has no version {version!r}")
        self.workspace = workspace
        self.version = version


class StaleRevision(Conflict):
    def __init__(self, workspace: str, seen: int, current: int) -> None:
        super().__init__(f"the route of {workspace} is at revision {current}, you saw {seen}: look again, then decide")
        self.workspace = workspace
        self.seen = seen
        self.current = current


class NotPromotable(Conflict):
    def __init__(self, version: str, stage: str) -> None:
        super().__init__(f"{version} is {stage} and can't be promoted")
        self.version = version
        self.stage = stage


class VersionHeld(Conflict):
    def __init__(self, version: str, by: str, reason: str) -> None:
        super().__init__(f"{version} is held by {by} ({reason}): `millrace release` lets it move")
        self.version = version
        self.by = by
        self.reason = reason


class NotHeld(Conflict):
    def __init__(self, version: str) -> None:
        super().__init__(f"{version} is not held")
        self.version = version


class NotYetServed(Conflict):
    def __init__(self, version: str) -> None:
        super().__init__(f"serving has not confirmed yet that it has {version}: hold it once it has")
        self.version = version


class SamePerson(Conflict):
    def __init__(self, version: str, by: str, asked: str) -> None:
        super().__init__(f"{by} {asked}: in this workspace somebody else has to approve {version}")
        self.version = version
        self.by = by


class NothingToApprove(Conflict):
    def __init__(self, version: str) -> None:
        super().__init__(f"{version} waits for no approval")
        self.version = version


class RolloutUnderWay(Conflict):
    def __init__(self, workspace: str, version: str) -> None:
        super().__init__(f"{version} is being rolled out in {workspace}: sign again when that is over")
        self.workspace = workspace
        self.version = version


class NothingToRollBack(Conflict):
    def __init__(self, workspace: str) -> None:
        super().__init__(f"{workspace} has no rollout and no earlier production version to return to")
        self.workspace = workspace
