"""What the service decides, without IO: what a feedback speaks of, and which answers people should label."""

from millrace.feedback.domain.annotations import Candidate, Draw, draw
from millrace.feedback.domain.feedback import Feedback, admit, again, checked
from millrace.feedback.domain.joining import Prediction, correct, recorded, resolved, speaks_of
from millrace.feedback.domain.quality import Judged, Point, Quality, qualities

__all__ = [
    "Candidate",
    "Draw",
    "Feedback",
    "Judged",
    "Point",
    "Prediction",
    "Quality",
    "admit",
    "again",
    "checked",
    "correct",
    "draw",
    "qualities",
    "recorded",
    "resolved",
    "speaks_of",
]
