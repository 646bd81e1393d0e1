"""Kafka, Postgres and S3 without Docker, and the supervisor that keeps the services running."""

from .endpoints import Endpoints, S3Endpoint
from .errors import DataFolderInUse, DownloadFailed, PartFailed, StackError
from .stack import Stack

__all__ = ["DataFolderInUse", "DownloadFailed", "Endpoints", "PartFailed", "S3Endpoint", "Stack", "StackError"]
