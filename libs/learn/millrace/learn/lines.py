"""The two commands' standard output: JSON lines, and the exit that says whether another try could end otherwise."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from millrace.learn.errors import Unlearnable, WrongRequest


def say(kind: str, **fields: Any) -> None:
    print(json.dumps({"kind": kind, **fields}, ensure_ascii=False), flush=True)


def progress(stage: str, step: int, of: int, loss: float | None, seconds: float) -> None:
    rounded = None if loss is None else round(loss, 5)
    say("progress", stage=stage, step=step, of=of, loss=rounded, seconds=round(seconds, 3))


def answer(work: Callable[[dict[str, Any]], dict[str, Any]], arguments: list[str]) -> int:
    """Run ``work`` on the request file named on the command line; 0, or 2 for what another try won't mend."""
    try:
        say("result", **work(_request(arguments)))
    except Unlearnable as error:
        say("error", error=type(error).__name__, detail=str(error), retry=False)
        return 2
    return 0


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
