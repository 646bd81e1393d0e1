"""The decisions of dedup: pure, no IO."""

from millrace.dedup.domain.bands import Banding, banding_for
from millrace.dedup.domain.buckets import BUCKET_SIZE, Buckets
from millrace.dedup.domain.chains import resolved
from millrace.dedup.domain.feedback import first_of_each, teaches
from millrace.dedup.domain.meaning import Meant, Same, joined, joining, pieces, settle
from millrace.dedup.domain.neighbourhood import Neighbourhood, kept
from millrace.dedup.domain.rows import (
    Arrival,
    Candidate,
    Decision,
    Drop,
    Keep,
    Kept,
    Revised,
    arrival,
    in_time,
    revised,
    weighing,
)
from millrace.dedup.domain.sketch import PERMUTATIONS, SKETCHED_TEXT, Sketch, Uint16s, normalise, sketch_all
from millrace.dedup.domain.spans import Span, overlaps
from millrace.dedup.domain.splits import split_of

__all__ = [
    "BUCKET_SIZE",
    "PERMUTATIONS",
    "SKETCHED_TEXT",
    "Arrival",
    "Banding",
    "Buckets",
    "Candidate",
    "Decision",
    "Drop",
    "Keep",
    "Kept",
    "Meant",
    "Neighbourhood",
    "Revised",
    "Same",
    "Sketch",
    "Span",
    "Uint16s",
    "arrival",
    "banding_for",
    "first_of_each",
    "in_time",
    "joined",
    "joining",
    "kept",
    "normalise",
    "overlaps",
    "pieces",
    "resolved",
    "revised",
    "settle",
    "sketch_all",
    "split_of",
    "teaches",
    "weighing",
]
