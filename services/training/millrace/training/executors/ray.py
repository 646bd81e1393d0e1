"""A Ray task, on a cluster or on the one of this machine. Ray starts a task anew whose worker was killed; the run goes
on from the checkpoint in its folder, which every node has to see.

Ray is imported when it is started, by a thread of its own: in the main thread it takes SIGTERM for itself.
"""

import asyncio
import json
import os
import subprocess
import sys
from concurrent.futures import Future
from pathlib import Path
from typing import Any

from millrace.chassis import Unavailable
from millrace.training.executors.written import LINES, Written, begin
from millrace.training.worker import STDERR, Hear, Limits, Line, RunFailed, RunKilled, result

RETRIES = 3
"""Times that Ray itself starts a run anew, before another claim does."""


class RayMissing(Exception):
    """The setting asks for Ray, and it is not installed."""


class Ray:
    """`cpus` are those of the cluster on this machine, where no `address` names another."""

    def __init__(self, address: str, cpus: int) -> None:
        self._address, self._cpus = address, cpus
        self._ray: Any = None
        self._task: Any = None

    async def start(self) -> None:
        """Raises RayMissing, Unavailable."""
        await asyncio.to_thread(self._connect)

    async def stop(self) -> None:
        if self._ray is not None:
            await asyncio.to_thread(self._ray.shutdown)
            self._ray = None

    def _connect(self) -> None:
        try:
            import ray
        except ImportError:
            raise RayMissing("TRAINING_EXECUTOR is ray: pip install 'millrace-training[ray]'") from None
        options: dict[str, Any] = {"address": self._address} if self._address else {"num_cpus": self._cpus}
        if not self._address:
            options |= {"include_dashboard": False}
        try:
            ray.init(log_to_driver=False, configure_logging=False, **options)
        except (ConnectionError, RuntimeError, OSError) as error:
            raise Unavailable(f"Ray: {error}") from error
        self._ray, self._task = ray, ray.remote(_run)

    async def train(self, request: Line, folder: Path, hear: Hear, limits: Limits) -> Line:
        """A wait for a free place in the cluster counts as the run's own time."""
        path = folder / "request.json"
        path.write_text(json.dumps(request, sort_keys=True), encoding="utf-8")
        written = Written(folder)
        task = self._task.options(
            num_cpus=request["threads"],
            num_gpus=await asyncio.to_thread(self._gpus, str(request.get("device", "cpu"))),
            memory=limits.memory_mb << 20 or None,
            max_retries=RETRIES,
            name=f"run {folder.parent.name} {folder.name}",
        ).remote(str(folder), [str(limits.nice), str(request["threads"]), str(limits.memory_mb), str(path)])
        ended = asyncio.wrap_future(_future(task))
        try:
            async with asyncio.timeout(limits.seconds):
                code = await written.follow(ended, hear)
        except TimeoutError:
            raise RunFailed(f"it did not end within {limits.seconds:g} s") from None
        except self._ray.exceptions.OutOfMemoryError as error:
            raise RunFailed(f"OutOfMemory: Ray ended it: {_first(error)}") from None
        except self._ray.exceptions.RayError as error:
            raise RunKilled(f"Ray: {type(error).__name__}: {_first(error)}") from None
        finally:
            if not ended.done():
                ended.cancel()
                await asyncio.to_thread(self._ray.cancel, task, force=True)
        return result(written.last, code, folder)

    def _gpus(self, device: str) -> int:
        """Raises RunFailed where a GPU is asked for and no node has one."""
        if device == "cpu":
            return 0
        if self._ray.cluster_resources().get("GPU", 0) >= 1:
            return 1
        if device == "gpu":
            raise RunFailed(
                "DeviceMissing: device gpu: no node of the Ray cluster has one; gpu-if-there would go on without one"
            )
        return 0


def _future(task: Any) -> "Future[int]":
    found: Future[int] = task.future()
    return found


def _first(error: Exception) -> str:
    return (str(error).strip().splitlines() or ["no reason given"])[0]


def _run(folder: str, arguments: list[str]) -> int:
    """In a Ray worker: the run's process, which dies with the worker. How it ended."""
    place = Path(folder)
    begin(place)
    command = [sys.executable, "-m", "millrace.training.child", str(os.getpid()), *arguments]
    with (place / LINES).open("ab") as lines, (place / STDERR).open("wb") as errors:
        return subprocess.run(command, stdout=lines, stderr=errors, check=False).returncode
