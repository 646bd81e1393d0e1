"""What a text looks like to the index: an exact digest and a signature; its set of shingles where it must be compared.

MinHash: Broder, "On the resemblance and containment of documents", 1997. A long text's signature comes of one pass over
its shingles, the minimum of each of PERMUTATIONS equal parts of the hashes' range (Li, Owen and Zhang, "One permutation
hashing", NIPS 2012; empty parts are filled as in Shrivastava, "Optimal densification", ICML 2017): a hundredth of the
work of as many permutations, with no more variance. A short text has too few shingles for that and is permuted.
Everything is vectorised with numpy, because shingling in plain Python is what makes MinHash slow.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TypeAlias

import numpy as np
import xxhash
from numpy.typing import NDArray

Uint16s: TypeAlias = NDArray[np.uint16]
Uint32s: TypeAlias = NDArray[np.uint32]

PERMUTATIONS = 128
SHORT_TEXT = 512
"""Characters up to which a text is cut into trigrams; longer ones, where trigrams saturate, into 5-grams."""
SKETCHED_TEXT = 200_000
"""Characters of a text that its sketch looks at; the digest always covers the whole."""
COMPARED_SHINGLES = 16_384
"""Above so many the similarity is estimated from signatures."""

_GROUP = 32_768
"""Characters hashed at once: few enough that the work stays inside the processor's cache."""
_BLOCK = 1024
_SEEDS = np.random.Generator(np.random.PCG64(20_240_229)).integers(0, 2**32, (3, PERMUTATIONS), dtype=np.uint32)
_FACTORS = _SEEDS[0] | np.uint32(1)
_OFFSETS = _SEEDS[1]
_PLACES = _SEEDS[2] | np.uint32(1)
_PARTS = (np.arange(PERMUTATIONS, dtype=np.uint64) * (2**32 // PERMUTATIONS)).astype(np.uint32)
_PROBES = np.random.Generator(np.random.PCG64(20_170_806)).integers(0, PERMUTATIONS, (256, PERMUTATIONS))


@dataclass(frozen=True, eq=False)
class Sketch:
    """`digest` is 16 bytes, `signature` the lower halves of PERMUTATIONS minima, `text` the normalised text."""

    digest: bytes
    signature: Uint16s
    text: str

    @cached_property
    def shingles(self) -> Uint32s:
        """The sorted distinct hashes of the text's n-grams."""
        return next(_shingle_all([self.text]))[1]

    def similarity(self, other: "Sketch") -> float:
        """Jaccard similarity of the shingle sets, in 0..1: exact unless both are large, else estimated."""
        if max(len(self.text), len(other.text)) <= COMPARED_SHINGLES:
            return _jaccard(self.shingles, other.shingles)
        return float(np.mean(self.signature == other.signature))


def normalise(text: str) -> str:
    """The form in which two texts count as the same: NFKC, case folded, white space collapsed."""
    if text.isascii():
        return " ".join(text.lower().split())
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def sketch_all(texts: Sequence[str]) -> list[Sketch]:
    normal = [normalise(text) for text in texts]
    cut = [text[:SKETCHED_TEXT] for text in normal]
    signatures = np.empty((len(texts), PERMUTATIONS), dtype=np.uint16)
    for i, shingles in _shingle_all(cut):
        signatures[i] = sign(shingles, long=_is_long(cut[i]))
    return [
        Sketch(
            digest=xxhash.xxh3_128_digest(text.encode("utf-8", "surrogatepass")),
            signature=signature,
            text=looked_at,
        )
        for text, looked_at, signature in zip(normal, cut, signatures, strict=True)
    ]


def sign(shingles: Uint32s, *, long: bool) -> Uint16s:
    """The lower halves of the minima; `shingles` are sorted and not empty."""
    return (_parted(shingles) if long else _permuted(shingles)).astype(np.uint16)


def _permuted(shingles: Uint32s) -> Uint32s:
    """The minimum of each permuted hash over the set. Blocks keep the work inside the processor's cache."""
    signature = np.full(PERMUTATIONS, 0xFFFFFFFF, dtype=np.uint32)
    for start in range(0, len(shingles), _BLOCK):
        block = shingles[start : start + _BLOCK, None] * _FACTORS
        block += _OFFSETS
        np.minimum(signature, block.min(axis=0), out=signature)
    return signature


def _parted(shingles: Uint32s) -> Uint32s:
    """The first hash of each part of the range; an empty part takes another's, which chance names for it."""
    at = np.searchsorted(shingles, _PARTS)
    ends = np.append(at[1:], len(shingles))
    filled = at < ends
    minima = shingles[np.minimum(at, len(shingles) - 1)]
    if not filled.all():
        _fill(minima, filled)
    return minima


def _fill(minima: Uint32s, filled: NDArray[np.bool_]) -> None:
    given = np.flatnonzero(filled)
    for part in np.flatnonzero(~filled):
        probes = _PROBES[:, part]
        hit = probes[filled[probes]]
        minima[part] = minima[hit[0] if len(hit) else given[0]]


def _shingle_all(texts: Sequence[str]) -> Iterator[tuple[int, Uint32s]]:
    """The sorted distinct shingle hashes of each text; a space at both ends lets edges count like any place."""
    for width, chosen in _groups(texts):
        padded = [f" {texts[i]} ".ljust(width) for i in chosen]
        hashes = _hash_windows("".join(padded), width)
        start = 0
        for i, text in zip(chosen, padded, strict=True):
            yield i, _distinct(hashes[start : start + len(text) - width + 1])
            start += len(text)


def _is_long(text: str) -> bool:
    return len(text) > SHORT_TEXT


def _groups(texts: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
    """Texts of one width, hashed together."""
    for width, long in ((3, False), (5, True)):
        group: list[int] = []
        characters = 0
        for i, text in enumerate(texts):
            if _is_long(text) is not long:
                continue
            group.append(i)
            characters += len(text)
            if characters >= _GROUP:
                yield width, group
                group, characters = [], 0
        if group:
            yield width, group


def _hash_windows(text: str, width: int) -> Uint32s:
    """A hash of each window of `width` characters: multilinear, then mixed so that its order is chance.

    The width enters it, so that widths never look alike.
    """
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4")
    windows = len(characters) - width + 1
    hashes = np.full(windows, width * 0x9E3779B1 & 0xFFFFFFFF, dtype=np.uint32)
    term = np.empty(windows, dtype=np.uint32)
    for place in range(width):
        np.multiply(characters[place : place + windows], _PLACES[place], out=term)
        hashes += term
    for shift, factor in ((16, 0x7FEB352D), (15, 0x846CA68B)):
        np.right_shift(hashes, np.uint32(shift), out=term)
        hashes ^= term
        hashes *= np.uint32(factor)
    np.right_shift(hashes, np.uint32(16), out=term)
    hashes ^= term
    return hashes


def _distinct(hashes: Uint32s) -> Uint32s:
    ordered = np.sort(hashes)
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _jaccard(a: Uint32s, b: Uint32s) -> float:
    merged = np.concatenate((a, b))
    merged.sort(kind="stable")  # timsort: of two sorted runs it is one merge
    shared = int(np.count_nonzero(merged[1:] == merged[:-1]))
    return shared / (len(merged) - shared)
