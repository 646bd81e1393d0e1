"""A row's split, fixed at first sight: the one place where it is decided."""

import xxhash

from millrace.events import Split

SHARES: tuple[tuple[Split, float], ...] = (("train", 0.70), ("validation", 0.15), ("test", 0.15))


def split_of(workspace: str, cluster: str) -> Split:
    """The same cluster gives the same split on every machine and in every release, so a cluster never straddles two."""
    place: float = xxhash.xxh3_64_intdigest(f"{workspace}/{cluster}".encode()) / 2**64
    for split, share in SHARES:
        place -= share
        if place < 0:
            return split
    return SHARES[-1][0]
