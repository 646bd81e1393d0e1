"""What a command raises to end with a clear message.

Failure      exit code 1: the thing asked for did not work
└── NotRunning   exit code 3: there is no stack on the data folder

Wrong usage is exit code 2 (typer's own), Ctrl-C 130.
"""

from collections.abc import Mapping
from pathlib import Path
from typing import Any


class Failure(Exception):
    """A command can't do what was asked; `hint` says what to try next, `facts` what else a service told of it."""

    code = 1

    def __init__(
        self, message: str, *, hint: str = "", kind: str = "failure", facts: Mapping[str, Any] | None = None
    ) -> None:
        super().__init__(message)
        self.message, self.hint, self.kind, self.facts = message, hint, kind, dict(facts or {})


class NotRunning(Failure):
    """No stack runs on this data folder."""

    code = 3

    def __init__(self, data: Path) -> None:
        super().__init__(
            f"no Millrace runs on {data}", hint="start one with `millrace up --detach`", kind="not_running"
        )
