"""Errors, by what the caller does.

MillraceError
  Refused         the request will never work as it is: mend it
    NotFound      what it names is not there
  Unreachable     no answer, or only "later", for as long as was tried: try again some time
  Undelivered     the publisher was closed before these events got out
"""

from collections.abc import Mapping, Sequence
from typing import Any


class MillraceError(Exception):
    """Everything that this client raises."""


class Refused(MillraceError):
    """`code` names the kind of fault, `facts` is the rest of what the service said."""

    def __init__(self, status: int, code: str, message: str, facts: Mapping[str, Any]) -> None:
        super().__init__(f"{message} ({code}, {status})")
        self.status = status
        self.code = code
        self.facts = dict(facts)


class NotFound(Refused):
    """404."""


class Unreachable(MillraceError):
    """`last` is the last answer's status or the last failure's words."""

    def __init__(self, url: str, attempts: int, last: str) -> None:
        super().__init__(f"{url} gave no answer in {attempts} {'attempt' if attempts == 1 else 'attempts'}: {last}")
        self.url = url
        self.attempts = attempts
        self.last = last


class Undelivered(MillraceError):
    """`ids` are those of the events that were not taken; publishing them again under these ids is safe."""

    def __init__(self, ids: Sequence[str], because: MillraceError) -> None:
        super().__init__(f"{len(ids)} {'event was' if len(ids) == 1 else 'events were'} not delivered: {because}")
        self.ids = list(ids)
        self.because = because
