"""How a run is told to learn, and how it tells how far it is."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Protocol

from millrace.learn.errors import WrongRequest
from millrace.learn.requests import TrainRequest


class Progress(Protocol):
    """stage, step, of, loss, seconds since the stage's method began. Of stage judge it is told a score, not a loss."""

    def __call__(self, stage: str, step: int, of: int, loss: float | None, seconds: float) -> None: ...


def settings_of(request: TrainRequest, defaults: Mapping[str, float | int]) -> dict[str, Any]:
    """The request's settings over a method's defaults, each of the default's type and positive."""
    settings: dict[str, Any] = dict(defaults)
    for name, value in request.settings.items():
        if name not in defaults:
            raise WrongRequest(f"settings.{name}: {request.method} knows {', '.join(defaults) or 'no settings'}")
        kind = type(defaults[name])
        if isinstance(value, bool) or not isinstance(value, int | float) or value <= 0 or kind(value) != value:
            raise WrongRequest(f"settings.{name}: {value!r} is not a positive {kind.__name__}")
        settings[name] = kind(value)
    return settings
