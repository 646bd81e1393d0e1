"""E-mail addresses. Looked for from each `@` outwards, so the time is linear in the text whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from millrace.privacy.kinds import Span

_AT = re.compile("[@＠]")
_DOMAIN = re.compile(r"[\w-]++(?:\.[\w-]++)++")
_LONGEST_LOCAL = 256


def emails(text: str) -> Iterator[Span]:
    """Spans of addresses, in order and apart."""
    last = 0
    for at in _AT.finditer(text):
        start = _local_start(text, at.start(), last)
        domain = _DOMAIN.match(text, at.end()) if start < at.start() else None
        if domain and _is_host(domain[0]):
            last = domain.end()
            yield Span(start, last)


def _local_start(text: str, at: int, last: int) -> int:
    start = at
    lowest = max(last, at - _LONGEST_LOCAL)
    while start > lowest and (text[start - 1].isalnum() or text[start - 1] in "._%+-'"):
        start -= 1
    while start < at and text[start] in ".'":
        start += 1
    return start


def _is_host(domain: str) -> bool:
    last = domain.rpartition(".")[2]
    return len(last) >= 2 and not last.isdigit() and last[0].isalnum()
