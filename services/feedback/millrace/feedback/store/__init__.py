"""The service's tables."""

from millrace.feedback.store.annotations import candidates, labels_since, open_annotations, put_up
from millrace.feedback.store.erasure import erase
from millrace.feedback.store.feedback import append_feedback, drop_expired, feedback_for, resolve
from millrace.feedback.store.joined import Pair, append_joined, latest_judged, said_of
from millrace.feedback.store.locks import hold_predictions, hold_requests
from millrace.feedback.store.predictions import append_predictions, predictions_for, requests_of
from millrace.feedback.store.retention import AGES, forget

__all__ = [
    "AGES",
    "Pair",
    "append_feedback",
    "append_joined",
    "append_predictions",
    "candidates",
    "drop_expired",
    "erase",
    "feedback_for",
    "forget",
    "hold_predictions",
    "hold_requests",
    "labels_since",
    "latest_judged",
    "open_annotations",
    "predictions_for",
    "put_up",
    "requests_of",
    "resolve",
    "said_of",
]
