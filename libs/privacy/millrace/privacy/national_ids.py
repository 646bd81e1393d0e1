"""National ids that can be checked: by check digit or letter where they have one, else by form and allotted ranges.

US SSN, UK NINO, German tax id, French NIR, Spanish DNI and NIE, Italian codice fiscale, Dutch BSN. A Dutch BSN has nine
digits and passes its check by chance one time in eleven, which is why these are behind a switch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import pairwise, zip_longest

from millrace.privacy.kinds import Groups, Span

_FORMS = {
    "ssn": r"[0-9]{3}([- ])[0-9]{2}\1[0-9]{4}",
    "nino": r"[A-CEGHJ-PR-TW-Z][A-CEGHJ-NPR-TW-Z](?: ?[0-9]{2}){3} ?[A-D]",
    "nir": r"[123478](?: [0-9]{2}){2} (?:[0-9]{2}|2[AB])(?: [0-9]{3}){2} [0-9]{2}"
    r"|[123478][0-9]{4}(?:[0-9]{2}|2[AB])[0-9]{6}[ -]?[0-9]{2}",
    "tax_id": r"[1-9][0-9](?:[0-9]{9}|(?: [0-9]{3}){3})",
    "dni": r"(?:[0-9]{8}|[0-9]{1,2}\.[0-9]{3}\.[0-9]{3}|[XYZ][ -]?[0-9]{7})[ -]?[A-HJ-NP-TV-Z]",
    "codice": r"[A-Z]{6}[0-9L-NP-V]{2}[A-EHLMPRST][0-9L-NP-V]{2}[A-Z][0-9L-NP-V]{3}[A-Z]",
    "bsn": r"[0-9]{9}|[0-9]{3}([. -])[0-9]{3}\1[0-9]{3}|[0-9]{4}\.[0-9]{2}\.[0-9]{3}",
}
_PATTERNS: Mapping[str, re.Pattern[str]] = {
    name: re.compile(rf"(?:{form})(?!\w)", re.IGNORECASE | re.ASCII) for name, form in _FORMS.items()
}
_AFTER_LETTERS: Mapping[tuple[int, int], Sequence[str]] = {
    (1, 7): ("dni",),
    (2, 2): ("nino",),
    (2, 6): ("nino",),
    (6, 2): ("codice",),
}
"""Forms that begin with letters, by how many of them and how many digits after."""
_DIGITS_AFTER_LETTERS = frozenset(digits for _, digits in _AFTER_LETTERS)
_WHOLE: Mapping[int, Sequence[str]] = {
    6: ("nir",),
    8: ("dni",),
    9: ("bsn",),
    11: ("tax_id",),
    13: ("nir",),
    15: ("nir",),
}
"""Forms that begin with a group of so many digits."""
_PARTED: Mapping[tuple[int, str, int], Sequence[str]] = {
    (1, " ", 2): ("nir",),
    (1, ".", 3): ("dni",),
    (2, ".", 3): ("dni",),
    (2, " ", 3): ("tax_id",),
    (3, "-", 2): ("ssn",),
    (3, " ", 2): ("ssn",),
    (3, ".", 3): ("bsn",),
    (3, " ", 3): ("bsn",),
    (3, "-", 3): ("bsn",),
    (4, ".", 2): ("bsn",),
}
"""Forms that begin with two groups, by their lengths and what is between them."""
_MOST_LETTERS = 6
_DNI = "TRWAGMYFPDXBNJZSQVHLCKE"
_NINO_NEVER = frozenset(("BG", "GB", "NK", "KN", "TN", "NT", "ZZ"))
_ODD = (1, 0, 5, 7, 9, 13, 15, 17, 19, 21, 2, 4, 18, 20, 11, 3, 6, 8, 12, 14, 16, 10, 22, 25, 24, 23)
"""Values of letters at odd places in a codice fiscale (D.M. 23.12.1976); a digit counts as the letter of its number."""
_OMOCODES = str.maketrans("LMNPQRSTUV", "0123456789")


def national_ids(text: str, groups: Groups) -> Iterator[Span]:
    """Spans of ids, in order and apart. Looked for where digits begin and from the letters right before them."""
    last = 0
    for (start, end), (following, its_end) in zip_longest(groups, groups[1:], fillvalue=(0, 0)):
        names = _WHOLE.get(end - start, ())
        if following == end + 1:
            names = (*names, *_PARTED.get((end - start, text[end], its_end - following), ()))
        places = ((start, names),) if names else ()
        if end - start in _DIGITS_AFTER_LETTERS:
            letters = _letters_start(text, start)
            named = _AFTER_LETTERS.get((len(text[letters:start].rstrip(" -")), end - start), ())
            places = ((letters, named), *places) if named else places
        for at, forms in places:
            stop = _end(text, at, forms) if at >= last else 0
            if stop:
                last = stop
                yield Span(at, stop)
                break


def _letters_start(text: str, at: int) -> int:
    """Where the letters begin, of which an id may have six before its first digit, perhaps parted by a space."""
    start = at - 1 if text[at - 1 : at] in (" ", "-") else at
    lowest = max(0, start - _MOST_LETTERS - 1)
    while start > lowest and text[start - 1].isalpha():
        start -= 1
    return start


def _end(text: str, start: int, names: Sequence[str]) -> int:
    """Where the longest id of some forms that begins here ends, or 0."""
    if start and (text[start - 1].isalnum() or text[start - 1] == "_"):
        return 0
    end = 0
    for name in names:
        match = _PATTERNS[name].match(text, start)
        if match and match.end() > end and not _goes_on(text, match) and _CHECKS[name](_bare(match[0])):
            end = match.end()
    return end


def _goes_on(text: str, match: re.Match[str]) -> bool:
    """Whether the number is part of a longer one: 123-45-6789 of 4-123-45-6789, 123 456 782 of 123 456 782 9.

    Digits next to digits bar each other alike, so that taking one of a row away never frees a whole row step by step.
    """
    parted = "-./ " if " " in match[0] else "-./"
    before, after = text[max(0, match.start() - 2) : match.start()], text[match.end() : match.end() + 2]
    return (match[0][0].isdigit() and before[1:] in parted and before[:1].isdigit() and len(before) == 2) or (
        match[0][-1].isdigit() and after[:1] in parted and after[1:].isdigit()
    )


def _bare(written: str) -> str:
    return "".join(filter(str.isalnum, written)).upper()


def _ssn(digits: str) -> bool:
    """Ranges that the Social Security Administration allots; there is no check digit."""
    area, group, serial = digits[:3], digits[3:5], digits[5:]
    never = digits in ("078051120", "219099999")  # printed on sample cards
    return area not in ("000", "666") and area < "900" and group != "00" and serial != "0000" and not never


def _nino(id: str) -> bool:
    return id[:2] not in _NINO_NEVER


def _nir(id: str) -> bool:
    """Month 1 to 12, or a code for an unknown one; the key is 97 less the number modulo 97, Corsica as 19 and 18."""
    month = int(id[3:5])
    if not (1 <= month <= 12 or 20 <= month <= 42 or month >= 50):
        return False
    number = int(id[:13].replace("2A", "19").replace("2B", "18"))
    return 97 - number % 97 == int(id[13:])


def _tax_id(digits: str) -> bool:
    """Of the first ten digits one occurs twice or three times, the others once at most; ISO 7064 MOD 11,10."""
    repeated = [times for times in Counter(digits[:10]).values() if times > 1]
    if len(repeated) != 1 or repeated[0] > 3 or any(digits[at : at + 3] == 3 * digits[at] for at in range(8)):
        return False
    product = 10
    for digit in digits[:10]:
        product = ((int(digit) + product) % 10 or 10) * 2 % 11
    return (11 - product) % 10 == int(digits[10])


def _dni(id: str) -> bool:
    number = id[:-1].replace("X", "0", 1).replace("Y", "1", 1).replace("Z", "2", 1)
    return _DNI[int(number) % 23] == id[-1]


def _codice(id: str) -> bool:
    day = int(id[9:11].translate(_OMOCODES))
    if not (1 <= day <= 31 or 41 <= day <= 71):
        return False
    values = [int(letter) if letter.isdigit() else ord(letter) - 65 for letter in id[:15]]
    total = sum(_ODD[value] if at % 2 == 0 else value for at, value in enumerate(values))
    return chr(65 + total % 26) == id[15]


def _bsn(digits: str) -> bool:
    """The 11-test; numbers of one digit, or that count up or down, are made up."""
    steps = {int(after) - int(before) for before, after in pairwise(digits)}
    if len(steps) == 1 or digits.startswith("00"):
        return False
    weighted = sum(int(digit) * weight for digit, weight in zip(digits, (9, 8, 7, 6, 5, 4, 3, 2, -1), strict=True))
    return weighted % 11 == 0


_CHECKS: Mapping[str, Callable[[str], bool]] = {
    "ssn": _ssn,
    "nino": _nino,
    "nir": _nir,
    "tax_id": _tax_id,
    "dni": _dni,
    "codice": _codice,
    "bsn": _bsn,
}
