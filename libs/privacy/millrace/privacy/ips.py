"""IP addresses, of version 4 and 6, checked; version numbers, times and code are left alone."""

from __future__ import annotations

import re
from collections.abc import Iterator
from ipaddress import AddressValueError, IPv6Address
from string import hexdigits

from millrace.privacy.kinds import Groups, Span

_FOUR = re.compile(r"[0-9]{1,3}(?:\.[0-9]{1,3}){3}(?!\w|\.[0-9])", re.ASCII)
_JOINED = re.compile(r"(?:[\w.]|[A-Za-z]-)\Z", re.ASCII)
_SIX = re.compile(
    r"(?<![\w.])(?<![0-9A-Fa-f:]:)(?=[0-9A-Fa-f]{0,4}:)[0-9A-Fa-f:]{3,39}"
    r"(?:(?<=:)[0-9]{1,3}(?:\.[0-9]{1,3}){3}|)(?:%[0-9A-Za-z]{1,15})?(?![\w:]|\.[0-9])",
    re.ASCII,
)
_VERSION = re.compile(
    r"(?:\b(?:version|versions|ver|v|release|build|firmware|revision|rev|update|patch|section|chapter|figure|table)"
    r"|\u00a7)[ .:#=]{0,3}\Z",
    re.IGNORECASE,
)
_CUE = re.compile(r"\bips?\b[^\d\n\[\]]{0,20}\Z|\b(?:address|host|server)\b[^\d\n\[\]]{0,8}\Z", re.IGNORECASE)
_REACH = 32
_LEAST_COLONS = 5
"""Fewer, and no two together, make no address of version 6: the last four groups may be two of version 4."""


def ips(text: str, groups: Groups) -> Iterator[Span]:
    """Spans of addresses, in order and apart."""
    spans = _sixes(text) if "::" in text or text.count(":") > _LEAST_COLONS else []
    if len(groups) > 3 and "." in text:
        spans += [span for span in _fours(text, groups) if not any(six.start <= span.start < six.end for six in spans)]
        spans.sort()
    yield from spans


def _fours(text: str, groups: Groups) -> Iterator[Span]:
    for at, (start, end) in enumerate(groups[:-3]):
        if end - start < 4 and groups[at + 3][0] - start < 13 and text[end] == ".":
            match = _FOUR.match(text, start)
            if match and _is_four(match):
                yield Span(*match.span())


def _sixes(text: str) -> list[Span]:
    """Looked for from each colon, before which an address has four characters at most."""
    spans: list[Span] = []
    last, colon = 0, text.find(":")
    while colon >= 0:
        start = colon
        while start > max(last, colon - 4) and text[start - 1] in hexdigits:
            start -= 1
        match = _SIX.match(text, start)
        written = match[0] if match else ""
        if written.endswith(":") and not written.endswith("::"):
            written = written[:-1]
        if written and _is_six(written):
            last = start + len(written)
            spans.append(Span(start, last))
        colon = text.find(":", max(last, colon + 1))
    return spans


def _is_four(match: re.Match[str]) -> bool:
    """Four numbers up to 255. After a word such as version it is one, and four single digits are, but after `ip`."""
    parts = match[0].split(".")
    if any(int(part) > 255 or (part[0] == "0" and len(part) > 1) for part in parts) or parts[0] == "0":
        return False
    before = match.string[max(0, match.start() - _REACH) : match.start()]
    if _JOINED.search(before) or _VERSION.search(before):
        return False
    return any(len(part) > 1 for part in parts) or bool(_CUE.search(before))


def _is_six(written: str) -> bool:
    """What can be read as one, with a group long enough that it is neither a time nor a name of code."""
    address = written.partition("%")[0]
    if not any(len(group) >= 3 and any(map(str.isdigit, group)) for group in address.split(":")):
        return False
    try:
        IPv6Address(address)
    except AddressValueError:
        return False
    return True
