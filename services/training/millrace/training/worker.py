"""What a run's process is told and tells, wherever it is."""

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from millrace.chassis import Unavailable

Line = dict[str, Any]
Hear = Callable[[Line], Awaitable[None]]
HEARD = frozenset({"progress", "checkpoint", "judged"})
"""Kinds of lines that are told while a run goes on."""
STDERR = "stderr.log"


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


def result(last: Line, code: int, folder: Path) -> Line:
    """What a process that ended made of it; below 0 `code` is the signal that ended it. Raises RunFailed, RunKilled."""
    if code == 0 and last.get("kind") == "result":
        return last
    if last.get("kind") == "error":
        raise RunFailed(f"{last['error']}: {last['detail']}")
    if code < 0:
        raise RunKilled(f"the run's process was ended by signal {-code}")
    try:
        told = (folder / STDERR).read_text("utf-8", "replace").strip()
    except OSError:
        told = "it left no word"
    raise RunFailed(f"exit {code}: {told[-2000:]}")
