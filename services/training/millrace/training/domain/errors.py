"""What training refuses, each with the ids it is about."""

from uuid import UUID

from millrace.chassis import Conflict, Unprocessable


class CycleOpen(Conflict):
    def __init__(self, workspace: str, cycle_id: UUID) -> None:
        super().__init__(f"{workspace} has an open cycle, {cycle_id}: a workspace has one at a time")
        self.workspace = workspace
        self.cycle = str(cycle_id)


class MethodUnknown(Unprocessable):
    def __init__(self, method: str, known: list[str]) -> None:
        super().__init__(f"method {method!r} is not one of {', '.join(known)}")
        self.method = method
        self.known = known


class NotTrained(Unprocessable):
    def __init__(self, workspace: str, task: str) -> None:
        super().__init__(f"{workspace} is of task {task}, whose models this release does not train: no cycle is opened")
        self.workspace = workspace
        self.task = task


class NothingMade(Conflict):
    def __init__(self, run_id: UUID, why: str) -> None:
        super().__init__(f"run {run_id} made nothing that could be made again: {why}")
        self.run = str(run_id)


class NothingToDeclare(Unprocessable):
    def __init__(self, workspace: str) -> None:
        super().__init__(f"{workspace} has no production version whose weights could be declared anew")
        self.workspace = workspace
