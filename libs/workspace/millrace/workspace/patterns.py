"""Regular expressions that a team may write: RE2's, whose time is linear in the text whatever pattern and text hold."""

from __future__ import annotations

from functools import lru_cache
from typing import Any, Protocol

import re2

LONGEST = 500
_OPTIONS = re2.Options()
_OPTIONS.log_errors = False
_OPTIONS.max_mem = 8 << 20
_LOOKS = ("(?=", "(?!", "(?<")


class Pattern(Protocol):
    """A compiled pattern."""

    def search(self, text: str) -> Any: ...

    def fullmatch(self, text: str) -> Any: ...


class PatternRefused(ValueError):
    """RE2 does not take a pattern; the message says what was expected instead."""


@lru_cache(maxsize=4096)
def compiled(pattern: str) -> Pattern:
    """Raises PatternRefused."""
    if len(pattern) > LONGEST:
        raise PatternRefused(f"a regular expression of at most {LONGEST} characters")
    try:
        found: Pattern = re2.compile(pattern, _OPTIONS)
    except (re2.error, UnicodeError) as error:
        raise PatternRefused(f"a regular expression of RE2: {_said(error)}") from error
    return found


def _said(error: Exception) -> str:
    what = error.args[0]
    told = what.decode(errors="replace") if isinstance(what, bytes) else str(error)
    if any(look in told for look in _LOOKS):
        return f"{told}; looking ahead or behind can't be done in linear time"
    return f"{told}; a reference to a group can't be matched in linear time" if "escape" in told else told
