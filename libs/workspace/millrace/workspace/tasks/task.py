"""The shape of a task: what its name means for a declaration, as data."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from millrace.workspace.scopes import Scope


@dataclass(frozen=True)
class Task:
    """`defaults` has the shape of the file; what a team declares is laid over it, key by key."""

    name: str
    suites: tuple[str, ...]
    metrics: tuple[str, ...]
    gate: Scope
    shadow: Scope
    harm: Scope
    signals: tuple[str, ...]
    detectors: tuple[str, ...]
    methods: tuple[str, ...]
    bases: tuple[str, ...]
    defaults: Mapping[str, Any]
