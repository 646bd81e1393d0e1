"""The decisions of dedup: pure, no IO."""

from millrace.dedup.domain.neighbourhood import BUCKET_SIZE, Neighbourhood, kept
from millrace.dedup.domain.rows import Arrival, Decision, Drop, Keep, Kept
from millrace.dedup.domain.sketch import Sketch, sketch_all
from millrace.dedup.domain.splits import split_of

__all__ = [
    "BUCKET_SIZE",
    "Arrival",
    "Decision",
    "Drop",
    "Keep",
    "Kept",
    "Neighbourhood",
    "Sketch",
    "kept",
    "sketch_all",
    "split_of",
]
