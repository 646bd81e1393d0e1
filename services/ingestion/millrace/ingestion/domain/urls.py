"""Addresses of pages: one spelling each, and whether a crawl may follow there."""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from urllib.parse import quote, urljoin, urlsplit, urlunsplit

LONGEST_URL = 2000
PORTS = {"http": 80, "https": 443}
_KEPT = "/%:@!$&'()*+,;=-._~"


def normal(url: str, base: str = "") -> str | None:
    """The one spelling of an address, resolved against `base`; None where it is none that a crawl follows."""
    try:
        parts = urlsplit(urljoin(base, url.strip()[: LONGEST_URL + 1]))
        host, port = (parts.hostname or "").encode("idna").decode(), parts.port
    except (ValueError, UnicodeError):
        return None
    if parts.scheme not in PORTS or not host or "@" in parts.netloc:
        return None
    netloc = f"[{host}]" if ":" in host else host
    if port is not None and port != PORTS[parts.scheme]:
        netloc += f":{port}"
    # joined as a relative reference, whose dots are resolved; those of an absolute one would stay
    path = quote(urlsplit(urljoin("http://x/", parts.path or "/")).path, safe=_KEPT)
    made = urlunsplit((parts.scheme, netloc, path, quote(parts.query, safe=_KEPT + "?[]"), ""))
    return made if len(made) <= LONGEST_URL else None


def origin(url: str) -> str:
    """Scheme, host and port."""
    parts = urlsplit(url)
    return f"{parts.scheme}://{parts.netloc}"


def within(url: str, prefixes: Sequence[str]) -> bool:
    """Whether an address is at or below one of the prefixes; http and https are one place."""
    parts = urlsplit(url)
    return any(_below(parts.netloc, parts.path, prefix) for prefix in prefixes)


def _below(netloc: str, path: str, prefix: str) -> bool:
    root = urlsplit(normal(prefix) or "")
    return netloc == root.netloc and (path == root.path or path.startswith(root.path.rstrip("/") + "/"))


@lru_cache(maxsize=1000)
def sites(seeds: tuple[str, ...], allow: tuple[str, ...]) -> frozenset[str]:
    """The hosts, with their ports, that a crawl is declared to go to."""
    return frozenset(urlsplit(found).netloc for one in prefixes(seeds, allow) if (found := normal(one)))


def prefixes(seeds: Sequence[str], allow: Sequence[str]) -> tuple[str, ...]:
    """Where a crawl may go: where it is allowed to, or on its seeds' hosts."""
    if allow:
        return tuple(allow)
    return tuple(dict.fromkeys(f"{origin(found)}/" for seed in seeds if (found := normal(seed))))
