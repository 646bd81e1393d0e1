"""Which arm answers, when a revision is applied, where a document is cut and what ranks first. Pure."""

from millrace.serving.domain.arms import (
    PREDICTIONS,
    Applied,
    Report,
    assign,
    conclude,
    deployment,
    fraction,
    prediction_id,
)
from millrace.serving.domain.chunking import Span, chunked
from millrace.serving.domain.fusion import Key, Ranked, fused
from millrace.serving.domain.languages import CONFIGURATIONS, configuration

__all__ = [
    "CONFIGURATIONS",
    "PREDICTIONS",
    "Applied",
    "Key",
    "Ranked",
    "Report",
    "Span",
    "assign",
    "chunked",
    "conclude",
    "configuration",
    "deployment",
    "fraction",
    "fused",
    "prediction_id",
]
