"""The decisions of dedup: pure, no IO."""

from millrace.dedup.domain.bands import Banding, banding_for
from millrace.dedup.domain.feedback import first_of_each
from millrace.dedup.domain.neighbourhood import BUCKET_SIZE, Neighbourhood, kept
from millrace.dedup.domain.rows import Arrival, Decision, Drop, Keep, Kept
from millrace.dedup.domain.sketch import Sketch, Uint32s, sketch_all
from millrace.dedup.domain.splits import split_of

__all__ = [
    "BUCKET_SIZE",
    "Arrival",
    "Banding",
    "Decision",
    "Drop",
    "Keep",
    "Kept",
    "Neighbourhood",
    "Sketch",
    "Uint32s",
    "banding_for",
    "first_of_each",
    "kept",
    "sketch_all",
    "split_of",
]
