"""Base models, tasks and methods. Importing this costs no torch: the modules that need it import it."""

from millrace.learn import bases
from millrace.learn.errors import (
    BaseMissing,
    BaseRefused,
    BaseUnreachable,
    DamagedModel,
    DeviceMissing,
    DiskFull,
    ImportRefused,
    OutOfMemory,
    TooFewRows,
    UnknownBase,
    UnknownLabel,
    Unlearnable,
    UnsafeFile,
    WrongFeature,
    WrongRequest,
    WrongRows,
)
from millrace.learn.folder import Made, Version, digest, read_version, weights_digest
from millrace.learn.requests import Parameters, ScoreRequest, TrainRequest
from millrace.learn.rows import Judged, Row, read_rows
from millrace.learn.shelf import Answered, Asked, Shelf
from millrace.learn.tasks import version_within
from millrace.learn.tasks.classify import Prediction
from millrace.learn.typos import typos

__all__ = [
    "Answered",
    "Asked",
    "BaseMissing",
    "BaseRefused",
    "BaseUnreachable",
    "DamagedModel",
    "DeviceMissing",
    "DiskFull",
    "ImportRefused",
    "Judged",
    "Made",
    "OutOfMemory",
    "Parameters",
    "Prediction",
    "Row",
    "ScoreRequest",
    "Shelf",
    "TooFewRows",
    "TrainRequest",
    "UnknownBase",
    "UnknownLabel",
    "Unlearnable",
    "UnsafeFile",
    "Version",
    "WrongFeature",
    "WrongRequest",
    "WrongRows",
    "bases",
    "digest",
    "read_rows",
    "read_version",
    "typos",
    "version_within",
    "weights_digest",
]
