"""Ids as people copy them: whole, or how they begin, where only one begins so."""

import re
from collections.abc import Sequence
from typing import TypeVar
from uuid import UUID

from millrace.chassis.errors import Conflict, Malformed

LEAST = 8
"""Hex digits that may stand for an id."""
SOME = 3
"""Ids to look for: enough to tell that there are several, and to name them."""
_DIGITS = re.compile(rf"[0-9a-f]{{{LEAST},32}}")
T = TypeVar("T")


class Ambiguous(Conflict):
    def __init__(self, what: str, given: str, found: Sequence[object]) -> None:
        super().__init__(f"more than one {what} begins with {given}: {', '.join(map(str, found))}")
        self.given = given


def span(what: str, given: str) -> tuple[UUID, UUID]:
    """The first and the last id that begin with `given`; the same one where it is whole. Raises Malformed."""
    digits = given.lower().replace("-", "")
    if not _DIGITS.fullmatch(digits):
        raise Malformed("id", f"the id of a {what}, or the first {LEAST} or more of its hex digits")
    return UUID(digits.ljust(32, "0")), UUID(digits.ljust(32, "f"))


def only(what: str, given: str, found: Sequence[T]) -> T | None:
    """The one that was found, or None. Raises Ambiguous."""
    if len(found) > 1:
        raise Ambiguous(what, given, found)
    return found[0] if found else None
