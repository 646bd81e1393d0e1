"""Masking: personal data out, stable tags in. Checked patterns, each linear in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping

from millrace.privacy.emails import emails
from millrace.privacy.ibans import ibans
from millrace.privacy.kinds import TAGS, Kind, Masked, Policy, Span
from millrace.privacy.numbers import cards, phones

# An address may hold an IBAN and an IBAN may hold what looks like a card: the surer kind goes first.
_FINDERS: Mapping[Kind, Callable[[str], Iterator[Span]]] = {
    "email": emails,
    "iban": ibans,
    "card": cards,
    "phone": phones,
}
REDACT = Policy()


def mask(text: str, policy: Policy = REDACT) -> Masked:
    """Replace personal data by tags such as `[EMAIL]`. Masking a masked text changes nothing and counts nothing."""
    counts: dict[Kind, int] = {}
    for kind, find in _FINDERS.items():
        if kind not in policy.kinds:
            continue
        spans = list(find(text))
        if spans:
            counts[kind] = len(spans)
            text = _replaced(text, spans, TAGS[kind])
    return Masked(text, counts)


def _replaced(text: str, spans: list[Span], tag: str) -> str:
    parts: list[str] = []
    last = 0
    for span in spans:
        parts += (text[last : span.start], tag)
        last = span.end
    return "".join((*parts, text[last:]))
