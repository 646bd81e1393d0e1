"""E-mail addresses. Looked for from each `@` outwards, so the time is linear in the text whatever it holds."""

from __future__ import annotations

import re
from collections.abc import Iterator

from millrace.privacy.kinds import Groups, Span

_AT = re.compile("[@＠]")
_DOMAIN = re.compile(r"[\w-]++(?:\.[\w-]++)++")
_LONGEST_LOCAL = 256


def emails(text: str, groups: Groups = ()) -> Iterator[Span]:
    """Spans of addresses, in order and apart."""
    last = 0
    for at in _signs(text):
        start = _local_start(text, at, last)
        domain = _DOMAIN.match(text, at + 1) if start < at else None
        length = _host_length(domain[0]) if domain else 0
        if length:
            last = at + 1 + length
            yield Span(start, last)


def _signs(text: str) -> Iterator[int]:
    """Where an `@` is, of usual width or full."""
    if "\uff20" in text:
        yield from (match.start() for match in _AT.finditer(text))
        return
    at = text.find("@")
    while at >= 0:
        yield at
        at = text.find("@", at + 1)


def _local_start(text: str, at: int, last: int) -> int:
    start = at
    lowest = max(last, at - _LONGEST_LOCAL)
    while start > lowest and (text[start - 1].isalnum() or text[start - 1] in "._%+-'"):
        start -= 1
    while start < at and text[start] in ".'":
        start += 1
    return start


def _host_length(domain: str) -> int:
    """Length of the longest start of the domain that ends like a host: `b.com` of `b.com.0171`; 0 where none does."""
    labels = domain.split(".")
    length = len(domain)
    for label in reversed(labels[1:]):
        if len(label) >= 2 and not label.isdigit() and label[0].isalnum():
            return length
        length -= len(label) + 1
    return 0
