"""Kafka, Postgres and S3 without Docker, and the supervisor that keeps the services running."""

from .endpoints import Endpoints, S3Endpoint
from .errors import DataFolderInUse, DownloadFailed, PartFailed, StackError
from .stack import Stack
from .state import ProcessState, Running, default_data_folder, find
from .supervisor import Supervisor

__all__ = [
    "DataFolderInUse",
    "DownloadFailed",
    "Endpoints",
    "PartFailed",
    "ProcessState",
    "Running",
    "S3Endpoint",
    "Stack",
    "StackError",
    "Supervisor",
    "default_data_folder",
    "find",
]
