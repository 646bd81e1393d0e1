"""Observations: the newest in Postgres, the others in parts; and the tables of features made of them."""

from millrace.datasets.observations.leaving import (
    age,
    erase_observations,
    forget_names,
    forget_unseen,
    gone_to,
    names_of,
)
from millrace.datasets.observations.parts import (
    Content,
    Part,
    Stretch,
    add_part,
    part_after,
    part_of,
    part_with_older,
    swap_part,
)
from millrace.datasets.observations.tables import Made, Range, TableUnknown, ask_table, discard, made, table
from millrace.datasets.observations.taking import Observed, append, buffered, counts, first_known, lock, save, subjects

__all__ = [
    "Content",
    "Made",
    "Observed",
    "Part",
    "Range",
    "Stretch",
    "TableUnknown",
    "add_part",
    "age",
    "append",
    "ask_table",
    "buffered",
    "counts",
    "discard",
    "erase_observations",
    "first_known",
    "forget_names",
    "forget_unseen",
    "gone_to",
    "lock",
    "made",
    "names_of",
    "part_after",
    "part_of",
    "part_with_older",
    "save",
    "subjects",
    "swap_part",
    "table",
]
