"""What every service stands on. See the README beside this package."""

from millrace.chassis import erasure, prefixes, retention
from millrace.chassis.blobs import Blobs
from millrace.chassis.causes import Step, command, traceparent
from millrace.chassis.clock import Clock, SystemClock
from millrace.chassis.errors import (
    AlreadyExists,
    BlobNotFound,
    BucketNotFound,
    Busy,
    Conflict,
    LeaseLost,
    Malformed,
    NotFound,
    TooManyDeadLetters,
    Unavailable,
    Unknown,
    Unprocessable,
)
from millrace.chassis.group_commit import GroupCommit
from millrace.chassis.handlers import Handler, handles
from millrace.chassis.jobs import Job, Work, works
from millrace.chassis.masking import policy_of
from millrace.chassis.postgres import Database
from millrace.chassis.service import Service, run
from millrace.chassis.settings import Settings
from millrace.chassis.tables import Table, workspaces
from millrace.chassis.transaction import Transaction

__all__ = [
    "AlreadyExists",
    "BlobNotFound",
    "Blobs",
    "BucketNotFound",
    "Busy",
    "Clock",
    "Conflict",
    "Database",
    "GroupCommit",
    "Handler",
    "Job",
    "LeaseLost",
    "Malformed",
    "NotFound",
    "Service",
    "Settings",
    "Step",
    "SystemClock",
    "Table",
    "TooManyDeadLetters",
    "Transaction",
    "Unavailable",
    "Unknown",
    "Unprocessable",
    "Work",
    "command",
    "erasure",
    "handles",
    "policy_of",
    "prefixes",
    "retention",
    "run",
    "traceparent",
    "works",
    "workspaces",
]
