"""What a method is given and what it gives back. Imports torch."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from millrace.learn import bases
from millrace.learn.adapters import Adapted
from millrace.learn.folder import BaseName, Encoded
from millrace.learn.model import Embedder, Head, Model
from millrace.learn.requests import TrainRequest
from millrace.learn.settings import Progress, settings_of
from millrace.learn.tasks.classify import Prepared

__all__ = ["Fitted", "Method", "Progress", "embedding_progress", "settings_of"]


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
    temperature: float | None = None
    """Without one it is found by the held-out rows."""


class Method(Protocol):
    def fit(self, request: TrainRequest, data: Prepared, progress: Progress) -> Fitted: ...


def base_named(name: str) -> BaseName:
    """What a version tells of its base. Raises UnknownBase."""
    base = bases.named(name)
    return BaseName(name=base.name, digest=base.digest, licence=base.licence)


def embedding_progress(progress: Progress, of: int, since: Callable[[], float]) -> Callable[[int], None]:
    return lambda done: progress("embed", done, of, None, since())
