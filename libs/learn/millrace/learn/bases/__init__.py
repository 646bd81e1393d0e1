"""Base models: rows of bases.yaml and those that a team added, where their files are, and how they come here."""

from millrace.learn.bases.adding import add
from millrace.learn.bases.files import measure
from millrace.learn.bases.here import added, cache_folder, fetch, find, listed, named
from millrace.learn.bases.row import Base
from millrace.learn.bases.shared import bring, publish, shared, take

__all__ = [
    "Base",
    "add",
    "added",
    "bring",
    "cache_folder",
    "fetch",
    "find",
    "listed",
    "measure",
    "named",
    "publish",
    "shared",
    "take",
]
