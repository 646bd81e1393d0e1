"""The decisions of datasets: pure, no IO."""

from millrace.datasets.domain.readiness import IN_ALL, Readiness, weigh
from millrace.datasets.domain.rule import SPLITS, NoLabels, Rule, Traits, dice
from millrace.datasets.domain.version import File, Tally, digest_of, line, manifest

__all__ = [
    "IN_ALL",
    "SPLITS",
    "File",
    "NoLabels",
    "Readiness",
    "Rule",
    "Tally",
    "Traits",
    "dice",
    "digest_of",
    "line",
    "manifest",
    "weigh",
]
