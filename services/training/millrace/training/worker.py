"""Starts a run's child process and listens to it. This process never imports torch."""

import asyncio
import json
import os
import signal
import sys
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.chassis import Unavailable

Line = dict[str, Any]


class RunFailed(Exception):
    """Another try of the same run would end the same."""


class RunKilled(Unavailable):
    """The child was ended from outside: it goes on from its checkpoint."""


@dataclass(frozen=True, slots=True)
class Limits:
    """`seconds` of the whole run; `memory_mb` that it may take, 0 for all there is."""

    nice: int
    seconds: float
    memory_mb: int = 0


async def train(
    request: dict[str, Any], folder: Path, on_line: Callable[[Line], Awaitable[None]], limits: Limits
) -> Line:
    """The result line of `millrace.learn.run`. Raises RunFailed, RunKilled. The child never outlives the call.

    What `on_line` raises ends the child too.
    """
    path = folder / "request.json"
    path.write_text(json.dumps(request, sort_keys=True), encoding="utf-8")
    told = (os.getpid(), limits.nice, request["threads"], limits.memory_mb, path)
    arguments = ["-m", "millrace.training.child", *map(str, told)]
    starved = out_of_memory()
    with (folder / "stderr.log").open("wb") as errors:
        child = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=1 << 20
        )
    try:
        async with asyncio.timeout(limits.seconds):
            last = await _listen(child, on_line)
            code = await child.wait()
    except TimeoutError:
        raise RunFailed(f"it did not end within {limits.seconds:g} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    if code == -signal.SIGKILL and out_of_memory() > starved:
        raise RunFailed("OutOfMemory: the kernel ended it, since memory had run out")
    return _ended(last, code, folder)


def out_of_memory(events: Path = Path("/sys/fs/cgroup/memory.events")) -> int:
    """How often the kernel has ended a process of this container for want of memory."""
    try:
        counts = dict(line.split() for line in events.read_text("ascii").splitlines())
    except (OSError, ValueError):
        return 0
    return int(counts.get("oom_kill", 0))


async def _listen(child: asyncio.subprocess.Process, on_line: Callable[[Line], Awaitable[None]]) -> Line:
    assert child.stdout is not None
    last: Line = {}
    async for raw in child.stdout:
        last = json.loads(raw)
        if last.get("kind") in {"progress", "checkpoint", "judged"}:
            await on_line(last)
    return last


def _ended(last: Line, code: int, folder: Path) -> Line:
    if code == 0 and last.get("kind") == "result":
        return last
    if last.get("kind") == "error":
        raise RunFailed(f"{last['error']}: {last['detail']}")
    if code < 0:
        raise RunKilled(f"the run's process was ended by signal {-code}")
    told = (folder / "stderr.log").read_text("utf-8", "replace").strip()
    raise RunFailed(f"exit {code}: {told[-2000:]}")
