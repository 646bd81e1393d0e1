"""The decisions of datasets: pure, no IO."""

from millrace.datasets.domain.moments import Stretches, cluster
from millrace.datasets.domain.names import named
from millrace.datasets.domain.readiness import IN_ALL, Readiness, weigh
from millrace.datasets.domain.rule import ANSWER, SPLITS, NoLabels, Rule, Traits, dice
from millrace.datasets.domain.version import File, Tally, digest_of, encoded, left, line, manifest, parts, redacted

__all__ = [
    "ANSWER",
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
