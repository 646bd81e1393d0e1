"""Payment cards and phone numbers: both are groups of digits, told apart by check digit and by form.

A run is the longest stretch of digits with at most three separators between two of them. In a run, windows of whole
groups are tried from left to right; a window has at most 8 groups, so the time is linear in the text.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from typing import NamedTuple

from millrace.privacy.kinds import Span

_RUN = re.compile(r"\d(?:[ \t\u00a0\u2007\u202f.\-\u2010-\u2013/()]{0,3}+\d++)*+")
_GROUP = re.compile(r"\d+")
_DIGIT = re.compile(r"\d")
_DATE = re.compile(r"\d{1,2}[./-]\d{1,2}[./-]\d{2,4}")
_CUE = re.compile(
    r"\b(?:phone|tel|telephone|mobile|cell|call|ring|text|whatsapp|reach|fax)\b[^\d\[\]@＠]{0,24}\Z",
    re.IGNORECASE,
)
_CUE_REACH = 36
_MOST_DIGITS = 19
_MOST_GROUPS = 8

Shape = Callable[["Window"], bool]


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
        return bool(_CUE.search(self.before))


def has_number(text: str) -> bool:
    """Whether there is any digit: without one there is nothing to look for."""
    return _DIGIT.search(text) is not None


def cards(text: str) -> Iterator[Span]:
    """Spans of payment card numbers: 13 to 19 digits in groups of three and more that satisfy Luhn (ISO/IEC 7812)."""
    return _numbers(text, _is_card, least=13)


def phones(text: str) -> Iterator[Span]:
    """Spans of phone numbers: international, with a leading zero, in North American form, or after a word like call."""
    return _numbers(text, _is_phone, least=7)


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


def _numbers(text: str, shape: Shape, *, least: int) -> Iterator[Span]:
    for run in _RUN.finditer(text):
        if run.end() - run.start() < least:
            continue
        before, after = text[run.start() - 1 : run.start()], text[run.end() : run.end() + 1]
        groups = list(_GROUP.finditer(text, run.start(), run.end()))
        if before.isalnum() or before == "_":
            groups = groups[1:]
        if after.isalnum() or after == "_":
            groups = groups[:-1]
        yield from _in_run(text, groups, shape, least)


def _in_run(text: str, groups: list[re.Match[str]], shape: Shape, least: int) -> Iterator[Span]:
    lengths = [group.end() - group.start() for group in groups]
    at = 0
    while at < len(groups):
        within = lengths[at : at + _MOST_GROUPS]
        last = _longest(text, groups, at, within, shape, least) if sum(within) >= least else None
        if last is None:
            at += 1
            continue
        start, end = groups[at].start(), groups[last].end()
        yield Span(_opening(text, start, closed=")" in text[start:end]), end)
        at = last + 1


def _longest(
    text: str, groups: list[re.Match[str]], at: int, lengths: list[int], shape: Shape, least: int
) -> int | None:
    start = groups[at].start()
    before = text[max(0, start - _CUE_REACH) : start]
    found: int | None = None
    digits = 0
    for last, length in enumerate(lengths, at):
        digits += length
        if digits > _MOST_DIGITS:
            break
        if digits >= least:
            members = tuple(_ascii(group[0]) for group in groups[at : last + 1])
            if shape(Window(members, text[start : groups[last].end()], before)):
                found = last
    return found


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
