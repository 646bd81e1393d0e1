"""dedup's tables."""

from millrace.dedup.store.departures import (
    buried,
    bury,
    forget_letters,
    leave,
    remove_documents,
    remove_subject,
    waiting,
)
from millrace.dedup.store.feedback import lock_feedback, save_feedback
from millrace.dedup.store.index import (
    Corpus,
    Known,
    candidate_of,
    departed,
    draw,
    load,
    lock,
    save,
    signatures,
    signatures_of,
    sketch_of,
    take_out,
    text_of,
)
from millrace.dedup.store.tally import count_gone, counts, duplicates, duplicates_of, pair, standing

__all__ = [
    "Corpus",
    "Known",
    "buried",
    "bury",
    "candidate_of",
    "count_gone",
    "counts",
    "departed",
    "draw",
    "duplicates",
    "duplicates_of",
    "forget_letters",
    "leave",
    "load",
    "lock",
    "lock_feedback",
    "pair",
    "remove_documents",
    "remove_subject",
    "save",
    "save_feedback",
    "signatures",
    "signatures_of",
    "sketch_of",
    "standing",
    "take_out",
    "text_of",
    "waiting",
]
