"""What a run of method `imported` is told, looked at before its rows are."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ConfigDict, Field

from millrace.learn.errors import ImportRefused
from millrace.learn.importing.examining import examine
from millrace.learn.importing.found import LIGHTGBM, Found
from millrace.learn.requests import TrainRequest, parsed

IMPORTED = "imported"
R = TypeVar("R", bound=TrainRequest)


class Settings(BaseModel):
    """``from`` is the folder, ``digest`` what is expected of it; ``labels`` name its outputs in their order."""

    model_config = ConfigDict(extra="forbid", frozen=True)
    folder: Path = Field(alias="from")
    source: str = Field(min_length=1)
    digest: str
    licence: str = ""
    labels: list[str] | None = None

    def kept(self, found: Found) -> dict[str, float | int | str | None]:
        """What a version tells of it."""
        return {"form": found.form, "source": self.source, "folder": self.digest, "licence": self.licence}


def told(request: TrainRequest) -> tuple[Settings, Found]:
    """Raises WrongRequest, ImportRefused."""
    settings = parsed(Settings, request.settings, "settings")
    found = examine(settings.folder)
    if found.digest != settings.digest:
        raise ImportRefused(settings.source, f"its files are {found.digest}, where {settings.digest} were told")
    return settings, found


def labelled(request: R) -> R:
    """The request with its labels in the order of the model's outputs. Raises ImportRefused where they differ."""
    settings, found = told(request)
    task = "tabular" if found.form == LIGHTGBM else "classify"
    if task != request.task:
        raise ImportRefused(
            settings.source, f"a model of {found.form} is of task {task}, the workspace of {request.task}"
        )
    if getattr(request, "regresses", False) != found.regresses:
        what = ("labels", "a number") if found.regresses else ("a number", "labels")
        raise ImportRefused(settings.source, f"it answers with {what[1]}, the workspace predicts {what[0]}")
    if found.regresses:
        return request
    labels = settings.labels or found.labels
    if not labels:
        raise ImportRefused(settings.source, "it names no labels: name them in the order of its outputs")
    if len(set(labels)) != len(labels):
        raise ImportRefused(settings.source, f"a label is named twice: {', '.join(labels)}")
    if found.labels and len(found.labels) != len(labels):
        raise ImportRefused(settings.source, f"{len(labels)} labels are named, and it has {len(found.labels)} outputs")
    if request.labels is not None and (why := differ(labels, request.labels)):
        raise ImportRefused(settings.source, why)
    return request.model_copy(update={"labels": labels})


def differ(its: Sequence[str], declared: Sequence[str]) -> str | None:
    """How a model's labels differ from a workspace's; None where they are the same, in whatever order."""
    more, fewer = sorted(set(its) - set(declared)), sorted(set(declared) - set(its))
    parts = [f"the workspace has no {', '.join(map(repr, more))}"] if more else []
    parts += [f"the model has no {', '.join(map(repr, fewer))}"] if fewer else []
    return f"labels: {' and '.join(parts)}" if parts else None
