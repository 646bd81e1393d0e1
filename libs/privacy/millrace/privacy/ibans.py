"""IBANs: the length of the country, and the check digits of ISO 7064 MOD 97-10 (ISO 13616)."""

from __future__ import annotations

from collections.abc import Iterator

from millrace.privacy.kinds import Groups, Span

_TABLE = """
    AD24 AE23 AL28 AT20 AZ28 BA20 BE16 BG22 BH22 BI27 BR29 BY28 CH21 CR22 CY28 CZ24 DE22 DJ27 DK18 DO28
    EE20 EG29 ES24 FI18 FK18 FO18 FR27 GB22 GE22 GI23 GL18 GR27 GT28 HN28 HR21 HU28 IE22 IL23 IQ23 IS26
    IT27 JO30 KW30 KZ20 LB28 LC32 LI21 LT20 LU20 LV21 LY25 MC27 MD24 ME22 MK19 MN20 MR27 MT31 MU30 NI28
    NL18 NO15 OM23 PK24 PL28 PS29 PT25 QA29 RO24 RS22 RU33 SA24 SC31 SD18 SE24 SI19 SK24 SM27 SO23 ST25
    SV28 TL23 TN24 TR26 UA29 VA22 VG24 XK20 YE30
"""
_LENGTHS = {entry[:2]: int(entry[2:]) for entry in _TABLE.split()}


def ibans(text: str, groups: Groups) -> Iterator[Span]:
    """Spans of valid IBANs, in order and apart; groups may be parted by one space or hyphen."""
    last = 0
    for digits, digits_end in groups:
        start = digits - 2
        if start < last or digits_end - digits < 2 or not text[digits - 1].isalpha():
            continue
        length = _LENGTHS.get(text[start : start + 2].upper(), 0)
        if length and not text[max(0, start - 1) : start].isalnum():
            end = _end(text, start, length)
            if end:
                last = end
                yield Span(start, end)


def _end(text: str, start: int, length: int) -> int:
    """Where the IBAN that starts here ends, or 0."""
    letters: list[str] = []
    at = start
    while at < len(text) and len(letters) < length:
        if text[at].isascii() and text[at].isalnum():
            letters.append(text[at])
        elif text[at] not in " -" or text[at - 1] in " -":
            return 0
        at += 1
    complete = bool(length) and len(letters) == length and not text[at : at + 1].isalnum()
    return at if complete and _checks("".join(letters)) else 0


def _checks(iban: str) -> bool:
    turned = iban[4:] + iban[:4]
    return int("".join(str(int(letter, 36)) for letter in turned)) % 97 == 1
