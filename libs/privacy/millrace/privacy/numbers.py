"""Payment cards and phone numbers: both are groups of digits, told apart by check digit and by form.

A run is the longest stretch of digits with at most three separators between two of them. In a run, windows of whole
groups are tried from left to right; a window has at most 8 groups, so the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

from millrace.privacy.kinds import Groups, Span

_SEPARATORS = frozenset(" \t\u00a0\u2007\u202f.-\u2010\u2011\u2012\u2013/()")
_GROUP = re.compile(r"\d+")
_DIGITS_ALONE = {ordinal: " " for ordinal in range(128) if not chr(ordinal).isdigit()}
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_CUES = ("phone", "tel", "mobile", "cell", "call", "ring", "text", "whatsapp", "reach", "fax")
_CUE = re.compile(rf"\b(?:telephone|{'|'.join(_CUES)})\b[^\d\[\]@＠]{{0,24}}\Z", re.IGNORECASE)
_CUE_REACH = 36
_MOST_DIGITS = 19
_MOST_GROUPS = 8

_LEAST_CARD = 13
_LEAST_PHONE = 7

Shape = Callable[["Window"], bool]
Begins = Callable[[str, int, list[int]], bool]


class Window(NamedTuple):
    """Whole groups of digits, the text from the first to the last, and what stands before them."""

    groups: tuple[str, ...]
    text: str
    before: str

    @property
    def digits(self) -> str:
        return "".join(self.groups)

    @property
    def plus(self) -> bool:
        return self.before.rstrip("(").endswith("+")

    @property
    def cued(self) -> bool:
        return _cued(self.before)


def digit_groups(text: str) -> Groups:
    """Spans of digits that stand together, in any script."""
    if not text.isascii():
        return [group.span() for group in _GROUP.finditer(text)]
    found: list[tuple[int, int]] = []
    end = 0
    for digits in text.translate(_DIGITS_ALONE).split():  # in less than half the time of a pattern
        start = text.find(digits, end)
        end = start + len(digits)
        found.append((start, end))
    return found


def runs(text: str, groups: Groups) -> list[Groups]:
    """Groups with at most three separators between two of them, where together they are long enough for a phone."""
    found: list[Groups] = []
    first, last = 0, groups[0][1] if groups else 0
    for at, (start, end) in enumerate(groups):
        if start - last > 3 or not _SEPARATORS.issuperset(text[last:start]):
            if last - groups[first][0] >= _LEAST_PHONE:
                found.append(groups[first:at])
            first = at
        last = end
    if groups and last - groups[first][0] >= _LEAST_PHONE:
        found.append(groups[first:])
    return found


def cards(text: str, within: Sequence[Groups]) -> Iterator[Span]:
    """Spans of payment card numbers: 13 to 19 digits in groups of three and more that satisfy Luhn (ISO/IEC 7812)."""
    return _numbers(text, within, _is_card, _begins_card, least=_LEAST_CARD)


def phones(text: str, within: Sequence[Groups]) -> Iterator[Span]:
    """Spans of phone numbers: international, with a leading zero, in North American form, or after a word like call."""
    return _numbers(text, within, _is_phone, _begins_phone, least=_LEAST_PHONE)


def _is_card(window: Window) -> bool:
    digits = window.digits
    if not "2" <= digits[0] <= "6" or len(set(digits)) == 1:
        return False
    return all(len(group) >= 3 for group in window.groups[:-1]) and _luhn(digits)


def _is_phone(window: Window) -> bool:
    digits, groups = window.digits, window.groups
    if window.plus:
        return 8 <= len(digits) <= 15
    if _DATE.match(window.text):
        return False
    if digits.startswith("00"):
        return 10 <= len(digits) <= 15 and len(set(digits)) > 1
    if digits[0] == "0" and len(groups[0]) >= 2:
        return 9 <= len(digits) <= 12
    sizes = tuple(len(group) for group in groups)
    if sizes in ((3, 3, 4), (1, 3, 3, 4)) and groups[-3][0] > "1" and (len(sizes) == 3 or digits[0] == "1"):
        return True
    return window.cued and 7 <= len(digits) <= 12


def _luhn(digits: str) -> bool:
    total = sum(int(digit) for digit in digits[-1::-2])
    return (total + sum(sum(divmod(2 * int(digit), 10)) for digit in digits[-2::-2])) % 10 == 0


def _numbers(text: str, within: Sequence[Groups], shape: Shape, begins: Begins, *, least: int) -> Iterator[Span]:
    for run in within:
        start, end = run[0][0], run[-1][1]
        if end - start < least:
            continue
        before, after = text[start - 1 : start], text[end : end + 1]
        if before.isalnum() or before == "_":
            run = run[1:]
        if after.isalnum() or after == "_":
            run = run[:-1]
        yield from _in_run(text, run, shape, begins, least)


def _in_run(text: str, groups: Groups, shape: Shape, begins: Begins, least: int) -> Iterator[Span]:
    lengths = [end - start for start, end in groups]
    at = 0
    while at < len(groups):
        within = lengths[at : at + _MOST_GROUPS]
        may = sum(within) >= least and begins(text, groups[at][0], within)
        last = _longest(text, groups, at, within, shape, least) if may else None
        if last is None:
            at += 1
            continue
        start, end = groups[at][0], groups[last][1]
        yield Span(_opening(text, start, closed=")" in text[start:end]), end)
        at = last + 1


def _longest(text: str, groups: Groups, at: int, lengths: list[int], shape: Shape, least: int) -> int | None:
    start = groups[at][0]
    before = text[max(0, start - _CUE_REACH) : start]
    found: int | None = None
    digits = 0
    for last, length in enumerate(lengths, at):
        digits += length
        if digits > _MOST_DIGITS:
            break
        if digits >= least:
            members = tuple(_ascii(text[first:end]) for first, end in groups[at : last + 1])
            if shape(Window(members, text[start : groups[last][1]], before)):
                found = last
    return found


def _begins_card(text: str, start: int, lengths: list[int]) -> bool:
    return lengths[0] >= 3 and sum(lengths) >= _LEAST_CARD


def _begins_phone(text: str, start: int, lengths: list[int]) -> bool:
    """Whether a number can begin here at all: cheap, and what most numbers of other kinds fail."""
    if lengths[0] in (1, 3) and lengths[1:3] in ([3, 4], [3, 3]):
        return True
    if text[start] == "0" or int(text[start]) == 0:
        return True
    before = text[max(0, start - _CUE_REACH) : start]
    return before.rstrip("(").endswith("+") or _cued(before)


def _cued(before: str) -> bool:
    """Whether a word like call stands before. Looking for its letters first spares most of the looking for the word."""
    low = before.lower()
    return any(cue in low for cue in _CUES) and bool(_CUE.search(before))


def _ascii(digits: str) -> str:
    return digits if digits.isascii() else "".join(str(int(digit)) for digit in digits)


def _opening(text: str, start: int, *, closed: bool) -> int:
    """Where the `+` or the `(` begins that belongs to the number; a parenthesis only where the number closes it."""
    if start and text[start - 1] == "(" and (closed or text[start - 2 : start - 1] == "+"):
        start -= 1
    if start and text[start - 1] == "+":
        start -= 1
        if start and text[start - 1] == "(" and closed:
            start -= 1
    return start
