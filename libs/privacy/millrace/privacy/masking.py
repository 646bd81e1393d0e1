"""Masking: personal data out, stable tags in. Checked patterns, each linear in the text."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence

from millrace.privacy.emails import emails
from millrace.privacy.ibans import ibans
from millrace.privacy.ips import ips
from millrace.privacy.kinds import SECOND_KINDS, TAGS, Found, Groups, Kind, Masked, Policy, Span
from millrace.privacy.national_ids import national_ids
from millrace.privacy.numbers import cards, digit_groups, phones, runs
from millrace.privacy.pseudonyms import token
from millrace.privacy.second import Second

# An address may hold an IBAN and an IBAN may hold what looks like a card: the surer kind goes first.
_FINDERS: Mapping[Kind, Callable[[str, Groups], Iterator[Span]]] = {
    "email": emails,
    "iban": ibans,
    "national_id": national_ids,
    "ip": ips,
}
_IN_RUNS: Mapping[Kind, Callable[[str, Sequence[Groups]], Iterator[Span]]] = {"card": cards, "phone": phones}
_OF_DIGITS: tuple[Kind, ...] = ("iban", "national_id", "ip", "card", "phone")
_REVEALING = frozenset(("national_id", "ip", "card", "phone"))
_JOINTS = ("-", ".", "/", " ")
_REVEALED: tuple[Kind, ...] = ("national_id", "ip")
_AT = ("@", "\uff20")
REDACT = Policy()


def mask(text: str, policy: Policy = REDACT, second: Second | None = None) -> Masked:
    """Replace personal data by tags such as `[EMAIL]`. Masking a masked text changes nothing and counts nothing.

    `second` looks for what patterns can't tell, in the text that they leave.
    """
    spans = found(text, policy)
    masked = _replaced(text, spans, policy) if spans else text
    if second is not None:
        more = [one for one in second.found(masked) if one.kind in policy.kinds or one.kind in SECOND_KINDS]
        masked = _replaced(masked, more, policy) if more else masked
        spans = spans + more
    counts: dict[Kind, int] = {}
    for one in spans:
        counts[one.kind] = counts.get(one.kind, 0) + 1
    return Masked(masked, counts)


def found(text: str, policy: Policy = REDACT) -> list[Found]:
    """What would be masked, in order and apart."""
    groups = digit_groups(text)
    spans, left, groups = _taken(text, groups, [kind for kind in _worth(text, groups) if kind in policy.kinds])
    more = spans
    while any(one.kind in _REVEALING and _touches(text, one) for one in more):
        # what is no id or address as part of a longer number may be one once the rest of that is gone
        more, left, groups = _taken(left, groups, [kind for kind in _REVEALED if kind in policy.kinds])
        spans = spans + more
    return sorted(spans, key=lambda one: one.start) if len(spans) > 1 else spans


def _worth(text: str, groups: Groups) -> Iterable[Kind]:
    """Kinds that a text may hold at all, by its cheapest signs."""
    numbers = _OF_DIGITS if groups else ()
    return ("email", *numbers) if any(at in text for at in _AT) else numbers


def _taken(text: str, groups: Groups, kinds: Iterable[Kind]) -> tuple[list[Found], str, Groups]:
    """What is found of some kinds, one after the other, and the text and its groups of digits without it."""
    spans: list[Found] = []
    within: list[Groups] | None = None
    for kind in kinds:
        if kind in _IN_RUNS:
            within = runs(text, groups) if within is None else within
            own = list(_IN_RUNS[kind](text, within))
        else:
            own = list(_FINDERS[kind](text, groups))
        if own:
            spans += [Found(kind, *span) for span in own]
            text = _blanked(text, own)
            groups = [group for group in groups if text[group[0]] != "["]
            within = None
    return spans, text, groups


def _touches(text: str, one: Found) -> bool:
    """Whether a number goes on right before or after what was found."""
    before, after = text[max(0, one.start - 2) : one.start], text[one.end : one.end + 2]
    return (
        (before[1:] in _JOINTS and before[:1].isdigit())
        or (after[:1] in _JOINTS and after[1:].isdigit())
        or before[1:] == ":"
        or after[:1] == ":"
        or before == ":."
    )


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
