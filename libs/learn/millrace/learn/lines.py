"""The two commands' standard output: JSON lines, and the exit that says whether another try could end otherwise."""

from __future__ import annotations

import errno
import json
import re
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from millrace.learn.errors import DiskFull, OutOfMemory, Unlearnable, WrongRequest

FULL = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
OUT_OF_MEMORY = re.compile(r"out of memory|can't allocate memory|cannot allocate memory", re.IGNORECASE)


def say(kind: str, **fields: Any) -> None:
    print(json.dumps({"kind": kind, **fields}, ensure_ascii=False), flush=True)


def progress(stage: str, step: int, of: int, loss: float | None, seconds: float) -> None:
    if stage == "checkpoint":
        say("checkpoint", step=step, of=of, seconds=round(seconds, 3))
        return
    if stage == "judge":
        say("judged", step=step, of=of, score=None if loss is None else round(loss, 6), seconds=round(seconds, 3))
        return
    rounded = None if loss is None else round(loss, 5)
    say("progress", stage=stage, step=step, of=of, loss=rounded, seconds=round(seconds, 3))


def answer(work: Callable[[dict[str, Any]], dict[str, Any]], arguments: list[str]) -> int:
    """Run ``work`` on the request file named on the command line; 0, or 2 for what another try won't mend."""
    try:
        say("result", **work(_request(arguments)))
    except Exception as error:
        known = error if isinstance(error, Unlearnable) else want_of(error)
        if known is None:
            raise
        say("error", error=type(known).__name__, detail=str(known), retry=False)
        return 2
    return 0


def want_of(error: Exception) -> Unlearnable | None:
    """What the machine had too little of, where that is what an error says; torch and safetensors have only words."""
    told = str(error).strip().splitlines() or [type(error).__name__]
    if (isinstance(error, OSError) and error.errno in FULL) or any(f"os error {code}" in told[0] for code in FULL):
        return DiskFull(told[0])
    if isinstance(error, MemoryError) or (isinstance(error, RuntimeError) and OUT_OF_MEMORY.search(str(error))):
        return OutOfMemory(told[0])
    return None


def _request(arguments: list[str]) -> dict[str, Any]:
    if len(arguments) != 1:
        raise WrongRequest("one argument is needed, the request's file")
    try:
        request = json.loads(Path(arguments[0]).read_bytes())
    except (OSError, ValueError) as error:
        raise WrongRequest(f"{arguments[0]}: {error}") from None
    if not isinstance(request, dict):
        raise WrongRequest(f"{arguments[0]}: not a JSON object")
    return request


def leave(work: Callable[[dict[str, Any]], dict[str, Any]]) -> None:
    sys.exit(answer(work, sys.argv[1:]))
