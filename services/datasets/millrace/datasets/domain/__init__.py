"""The decisions of datasets: pure, no IO."""

from millrace.datasets.domain.moments import Stretches, cluster
from millrace.datasets.domain.names import named
from millrace.datasets.domain.readiness import IN_ALL, Readiness, weigh
from millrace.datasets.domain.rule import SPLITS, NoLabels, Rule, Traits, counted_as, dice
from millrace.datasets.domain.version import File, Tally, digest_of, encoded, left, line, manifest, parts, redacted

__all__ = [
    "IN_ALL",
    "SPLITS",
    "File",
    "NoLabels",
    "Readiness",
    "Rule",
    "Stretches",
    "Tally",
    "Traits",
    "cluster",
    "counted_as",
    "dice",
    "digest_of",
    "encoded",
    "left",
    "line",
    "manifest",
    "named",
    "parts",
    "redacted",
    "weigh",
]
