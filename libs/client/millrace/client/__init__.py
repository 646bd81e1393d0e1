"""What product teams install: publish events, ask models, tell what was true."""

from millrace.client.aio import AsyncClient
from millrace.client.blocking import Client
from millrace.client.calls import Passage, Prediction, Receipt, Services
from millrace.client.errors import MillraceError, NotFound, Refused, Undelivered, Unreachable
from millrace.client.events import Event, document, feedback, observation
from millrace.client.gatherer import Gatherer
from millrace.client.publisher import Publisher
from millrace.client.retries import Retries

__all__ = [
    "AsyncClient",
    "Client",
    "Event",
    "Gatherer",
    "MillraceError",
    "NotFound",
    "Passage",
    "Prediction",
    "Publisher",
    "Receipt",
    "Refused",
    "Retries",
    "Services",
    "Undelivered",
    "Unreachable",
    "document",
    "feedback",
    "observation",
]
