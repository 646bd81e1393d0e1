"""Starts a run's child process and listens to it. This process never imports torch."""

import asyncio
import json
import os
import sys
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

from millrace.chassis import Unavailable

Line = dict[str, Any]


class RunFailed(Exception):
    """Another try of the same run would end the same."""


class RunKilled(Unavailable):
    """The child was ended from outside: it goes on from its checkpoint."""


async def train(
    request: dict[str, Any],
    folder: Path,
    on_progress: Callable[[Line], Awaitable[None]],
    *,
    nice: int,
    limit: float,
) -> Line:
    """The result line of `millrace.learn.run`. Raises RunFailed, RunKilled. The child never outlives the call.

    `limit` in seconds; what `on_progress` raises ends the child too.
    """
    path = folder / "request.json"
    path.write_text(json.dumps(request, sort_keys=True), encoding="utf-8")
    arguments = ["-m", "millrace.training.child", str(os.getpid()), str(nice), str(request["threads"]), str(path)]
    with (folder / "stderr.log").open("wb") as errors:
        child = await asyncio.create_subprocess_exec(
            sys.executable, *arguments, stdout=asyncio.subprocess.PIPE, stderr=errors, limit=1 << 20
        )
    try:
        async with asyncio.timeout(limit):
            last = await _listen(child, on_progress)
            code = await child.wait()
    except TimeoutError:
        raise RunFailed(f"it did not end within {limit:g} s") from None
    finally:
        if child.returncode is None:
            child.kill()
            await child.wait()
    return _ended(last, code, folder)


async def _listen(child: asyncio.subprocess.Process, on_progress: Callable[[Line], Awaitable[None]]) -> Line:
    assert child.stdout is not None
    last: Line = {}
    async for raw in child.stdout:
        last = json.loads(raw)
        if last.get("kind") == "progress":
            await on_progress(last)
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
