"""dedup's tables."""

from millrace.dedup.store.feedback import lock_feedback, save_feedback
from millrace.dedup.store.index import Corpus, build, enlist, load, lock, page, save, switch, unlist
from millrace.dedup.store.tally import counts, duplicates_of, standing

__all__ = [
    "Corpus",
    "build",
    "counts",
    "duplicates_of",
    "enlist",
    "load",
    "lock",
    "lock_feedback",
    "page",
    "save",
    "save_feedback",
    "standing",
    "switch",
    "unlist",
]
