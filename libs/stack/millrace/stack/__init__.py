"""Kafka, Postgres and S3 without Docker, and the supervisor that keeps the services running."""

from .detached import Options, launch, shut_down
from .endpoints import Endpoints, S3Endpoint, compose_endpoints
from .errors import DataFolderInUse, DownloadFailed, PartFailed, PortTaken, StackError
from .probing import asked
from .stack import Stack
from .state import ProcessState, Running, default_data_folder, find
from .supervisor import Supervisor

__all__ = [
    "DataFolderInUse",
    "DownloadFailed",
    "Endpoints",
    "Options",
    "PartFailed",
    "PortTaken",
    "ProcessState",
    "Running",
    "S3Endpoint",
    "Stack",
    "StackError",
    "Supervisor",
    "asked",
    "compose_endpoints",
    "default_data_folder",
    "find",
    "launch",
    "shut_down",
]
