"""A workspace's track: its production version, its one open cycle, and the triggers that wait for its close."""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal
from uuid import UUID, uuid5

from millrace.events import Trigger
from millrace.training.domain.imports import Import

State = Literal["waiting", "training", "judging", "closed"]

REMEMBERED = 50
"""Cycles, former productions and pending triggers that a track remembers."""


@dataclass(frozen=True, slots=True)
class Policy:
    """What the workspace declares of training, and in which revision. `wait` bounds a cycle's wait for rows.

    `untrained` is the task of a workspace that no cycle is opened for, since its models can't be trained.
    """

    revision: int
    min_labels: int
    wait: timedelta
    drift: bool = True
    growth: bool = True
    every: timedelta | None = None
    untrained: str | None = None


@dataclass(frozen=True, slots=True)
class Ask:
    """A reason to train: an event, a timer or a person. `version` is the one that drifted.

    `dataset` names the version of the data to train on; without one, rows are cut. `asked_by` is a person. `imported`
    is a model that was made elsewhere: it is judged as any other, and nothing is trained.
    """

    id: UUID
    because: Trigger
    at: datetime
    version: str | None = None
    change_point: datetime | None = None
    min_labels: int | None = None
    methods: tuple[str, ...] = ()
    note: str = ""
    dataset: str | None = None
    asked_by: str | None = None
    imported: Import | None = None


@dataclass(frozen=True, slots=True)
class Cycle:
    """One attempt to come to a better version. `cut_at` is when its rows were cut: what came later it has not seen."""

    id: UUID
    because: Trigger
    attempt: int
    opened_at: datetime
    deadline: datetime
    workspace_revision: int
    min_labels: int
    change_point: datetime | None = None
    version: str | None = None
    drift_id: UUID | None = None
    methods: tuple[str, ...] = ()
    note: str = ""
    state: State = "waiting"
    dataset: str | None = None
    cut_at: datetime | None = None
    asked_by: str | None = None
    imported: Import | None = None


@dataclass(frozen=True, slots=True)
class Track:
    """`covered` is the time up to which the world's changes are answered for: no drift older than that is trained for.

    `past` are versions that have left production; a drift of one that is neither there nor in production is of one
    whose promotion has not been read yet.
    """

    workspace: str
    production: str | None = None
    past: tuple[str, ...] = ()
    cycle: Cycle | None = None
    last: Cycle | None = None
    cycles: tuple[UUID, ...] = ()
    pending: tuple[Ask, ...] = ()
    covered: datetime | None = None
    cut_at: datetime | None = None


def cycle_id(ask: Ask, attempt: int) -> UUID:
    """The same trigger makes the same cycle, however often it is told."""
    return uuid5(ask.id, f"cycle|{attempt}")
