"""Where a run's process is: beside this service, on a Ray cluster, or in a Job of Kubernetes."""

from pathlib import Path
from typing import Protocol

from millrace.training.executors.process import Process
from millrace.training.settings import Settings
from millrace.training.worker import Hear, Limits, Line


class Executor(Protocol):
    """Runs `millrace.learn.run` on a request. What is beside the request in its folder is found there too."""

    async def start(self) -> None: ...
    async def stop(self) -> None: ...

    async def train(self, request: Line, folder: Path, hear: Hear, limits: Limits) -> Line:
        """The result line. Raises RunFailed, RunKilled, Unavailable.

        `folder` is a claim's own, WORK_DIR/RUN/TOKEN. What `hear` raises ends the run too; it never outlives the call.
        """


def executor_of(settings: Settings) -> Executor:
    if settings.executor == "ray":
        from millrace.training.executors.ray import Ray

        return Ray(settings.ray_address, cpus=settings.side_by_side * settings.threads)
    if settings.executor == "kubernetes":
        from millrace.training.executors.kubernetes import Kubernetes

        return Kubernetes(settings)
    ready = (settings.nice, settings.threads, settings.memory_mb) if settings.stand_by else None
    return Process(ready)
