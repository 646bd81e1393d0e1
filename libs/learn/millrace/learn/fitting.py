"""What a method is given and what it gives back. Imports torch."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from millrace.learn import bases
from millrace.learn.adapters import Adapted
from millrace.learn.errors import WrongRequest
from millrace.learn.folder import BaseName, Encoded
from millrace.learn.model import Embedder, Head, Model
from millrace.learn.requests import TrainRequest
from millrace.learn.tasks.classify import Prepared


class Progress(Protocol):
    """stage, step, of, loss, seconds since the stage's method began."""

    def __call__(self, stage: str, step: int, of: int, loss: float | None, seconds: float) -> None: ...


@dataclass(frozen=True)
class Fitted:
    """``embedder`` is asked as it is, an adapter merged into it; ``kept`` says what of it goes into the folder."""

    embedder: Embedder
    kept: Encoded
    head: Head
    base: BaseName
    steps: int
    planned_steps: int
    stopped: str
    seconds: float
    settings: dict[str, float | int | str | None]
    method: str
    adapter: Adapted | None = None
    resumed_from: int | None = None
    finished: Model | None = None
    """Already calibrated: its temperature and references stay."""


class Method(Protocol):
    def fit(self, request: TrainRequest, data: Prepared, progress: Progress) -> Fitted: ...


def base_named(name: str) -> BaseName:
    """What a version tells of its base. Raises UnknownBase."""
    base = bases.named(name)
    return BaseName(name=base.name, digest=base.digest, licence=base.licence)


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


def embedding_progress(progress: Progress, of: int, since: Callable[[], float]) -> Callable[[int], None]:
    return lambda done: progress("embed", done, of, None, since())
