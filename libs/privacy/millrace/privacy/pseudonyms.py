"""Keyed pseudonyms: the same person has the same name within a key, and nobody without the key can tell who."""

from __future__ import annotations

import hmac
import re

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
