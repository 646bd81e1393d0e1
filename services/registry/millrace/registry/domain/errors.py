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


class NothingToRollBack(Conflict):
    def __init__(self, workspace: str) -> None:
        super().__init__(f"{workspace} has no rollout and no earlier production version to return to")
        self.workspace = workspace
