"""Masking: personal data out, stable tags in. Checked patterns, each linear in the text."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping

from millrace.privacy.emails import emails
from millrace.privacy.ibans import ibans
from millrace.privacy.ips import ips
from millrace.privacy.kinds import TAGS, Found, Kind, Masked, Policy, Span
from millrace.privacy.national_ids import national_ids
from millrace.privacy.numbers import cards, has_number, phones
from millrace.privacy.pseudonyms import token
from millrace.privacy.second import Second

# An address may hold an IBAN and an IBAN may hold what looks like a card: the surer kind goes first.
_FINDERS: Mapping[Kind, Callable[[str], Iterator[Span]]] = {
    "email": emails,
    "iban": ibans,
    "national_id": national_ids,
    "ip": ips,
    "card": cards,
    "phone": phones,
}
_REVEALING = frozenset(("national_id", "ip", "card", "phone"))
_AT = ("@", "\uff20")
REDACT = Policy()


def mask(text: str, policy: Policy = REDACT, second: Second | None = None) -> Masked:
    """Replace personal data by tags such as `[EMAIL]`. Masking a masked text changes nothing and counts nothing.

    `second` looks for what patterns can't tell, in the text that they leave.
    """
    spans = found(text, policy)
    masked = _replaced(text, spans, policy) if spans else text
    counts = Counter(one.kind for one in spans)
    if second is not None:
        more = [one for one in second.found(masked) if one.kind in policy.kinds]
        masked = _replaced(masked, more, policy)
        counts.update(one.kind for one in more)
    return Masked(masked, dict(counts))


def found(text: str, policy: Policy = REDACT) -> list[Found]:
    """What would be masked, in order and apart."""
    spans, left = _taken(text, [kind for kind in _worth(text) if kind in policy.kinds])
    kinds = {one.kind for one in spans}
    while kinds & _REVEALING:
        # what is no id or address as part of a longer number may be one once the rest of that is gone
        more, left = _taken(left, [kind for kind in ("national_id", "ip") if kind in policy.kinds])
        kinds = {one.kind for one in more}
        spans += more
    return sorted(spans, key=lambda one: one.start) if len(spans) > 1 else spans


def _taken(text: str, kinds: Iterable[Kind]) -> tuple[list[Found], str]:
    """What is found of some kinds, one after the other, and the text without it."""
    spans: list[Found] = []
    for kind in kinds:
        own = list(_FINDERS[kind](text))
        if own:
            spans += [Found(kind, *span) for span in own]
            text = _blanked(text, own)
    return spans, text


def _worth(text: str) -> Iterator[Kind]:
    """Kinds that a text may hold at all, by its cheapest signs."""
    if any(at in text for at in _AT):
        yield "email"
    if has_number(text):
        yield from ("iban", "national_id", "ip", "card", "phone")


def _blanked(text: str, spans: list[Span]) -> str:
    """What was found as brackets of the same length: later kinds see no part of it and stay where they are."""
    parts: list[str] = []
    last = 0
    for span in spans:
        parts += (text[last : span.start], "[" * (span.end - span.start))
        last = span.end
    return "".join((*parts, text[last:]))


def _replaced(text: str, spans: list[Found], policy: Policy) -> str:
    parts: list[str] = []
    last = 0
    for kind, start, end in spans:
        parts += (text[last:start], _tag(kind, text[start:end], policy.key))
        last = end
    return "".join((*parts, text[last:]))


def _tag(kind: Kind, value: str, key: bytes | None) -> str:
    return TAGS[kind] if key is None else f"[{kind.upper()}:{token(kind, value, key)}]"
