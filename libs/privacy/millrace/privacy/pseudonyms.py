"""Keyed pseudonyms: the same person has the same name within a key, and nobody without the key can tell who."""

from __future__ import annotations

import hmac
import re
from ipaddress import ip_address
from unicodedata import normalize

from millrace.privacy.kinds import Kind

_LETTERS = str.maketrans("0123456789abcdef", "abcdefghijklmnop")
_PSEUDONYM = re.compile(r"p-[0-9a-f]{32}")


def pseudonym(subject: str, key: bytes) -> str:
    """`p-` and 32 hex digits: HMAC-SHA256 (RFC 2104), cut to 128 bits. Raises ValueError for an empty key."""
    if not key:
        raise ValueError("a pseudonym needs a key")
    return "p-" + hmac.digest(key, subject.encode("utf-8", "surrogatepass"), "sha256").hex()[:32]


def pseudonymous(name: str, key: bytes) -> str:
    """The pseudonym of a name; one that is a pseudonym already stays. Raises ValueError for an empty key."""
    return name if _PSEUDONYM.fullmatch(name) else pseudonym(name, key)


def derived_key(secret: str, scope: str) -> bytes:
    """A key for one scope, such as a workspace, so that pseudonyms of two scopes can't be joined."""
    return hmac.digest(secret.encode(), f"pseudonyms|{scope}".encode(), "sha256")


def token(kind: Kind, value: str, key: bytes) -> str:
    """16 letters a to p that stand for an address or number however it is written: HMAC-SHA256, cut to 64 bits.

    Letters alone, so that no token is itself taken for a number. Raises ValueError for an empty key.
    """
    if not key:
        raise ValueError("a pseudonym needs a key")
    said = f"{kind}|{_plain(kind, value)}".encode("utf-8", "surrogatepass")
    return hmac.digest(key, said, "sha256").hex()[:16].translate(_LETTERS)


def _plain(kind: Kind, value: str) -> str:
    """One spelling of all that mean the same."""
    folded = normalize("NFKC", value).casefold()
    if kind == "ip":
        return str(ip_address(folded.partition("%")[0]))
    if kind == "phone":
        digits = "".join(str(int(letter)) for letter in folded if letter.isdecimal())
        return digits.removeprefix("00") if folded.startswith("00") else digits
    if kind in ("iban", "card", "national_id"):
        return "".join(str(int(letter)) if letter.isdecimal() else letter for letter in folded if letter.isalnum())
    return " ".join(folded.split())
