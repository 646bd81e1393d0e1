"""What a text looks like to the index: an exact digest, its set of shingles and a MinHash signature.

MinHash: Broder, "On the resemblance and containment of documents", 1997. Everything is vectorised with numpy over a
batch, because shingling in plain Python is what makes MinHash slow.
"""

import unicodedata
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
import xxhash
from numpy.typing import NDArray

Uint32s: TypeAlias = NDArray[np.uint32]

PERMUTATIONS = 128
SHORT_TEXT = 512
"""Characters up to which a text is cut into trigrams; longer ones, where trigrams saturate, into 5-grams."""
SKETCHED_TEXT = 200_000
"""Characters of a text that its sketch looks at; the digest always covers the whole."""
STORED_SHINGLES = 4096
"""A bigger set is not stored, and its similarity is then estimated from signatures."""

_BLOCK = 1024
_SEEDS = np.random.Generator(np.random.PCG64(20_240_229)).integers(0, 2**32, (2, PERMUTATIONS), dtype=np.uint32)
_FACTORS = _SEEDS[0] | np.uint32(1)
_OFFSETS = _SEEDS[1]
_GOLDEN_RATIO = np.uint64(0x9E3779B97F4A7C15)
_FINAL_MIX = np.uint64(0xBF58476D1CE4E5B9)


@dataclass(frozen=True, slots=True, eq=False)
class Sketch:
    """`digest` is 16 bytes, `shingles` sorted distinct hashes, `signature` PERMUTATIONS minima (all uint32)."""

    digest: bytes
    shingles: Uint32s
    signature: Uint32s

    def similarity(self, other: "Sketch") -> float:
        """Jaccard similarity of the shingle sets, in 0..1: exact where both sets are held, else estimated."""
        if len(self.shingles) and len(other.shingles):
            return _jaccard(self.shingles, other.shingles)
        return float(np.mean(self.signature == other.signature))


def normalise(text: str) -> str:
    """The form in which two texts count as the same: NFKC, case folded, white space collapsed."""
    return " ".join(unicodedata.normalize("NFKC", text).casefold().split())


def sketch_all(texts: Sequence[str]) -> list[Sketch]:
    normal = [normalise(text) for text in texts]
    shingles = _shingle_all([text[:SKETCHED_TEXT] for text in normal])
    return [
        Sketch(
            digest=xxhash.xxh3_128_digest(text.encode("utf-8", "surrogatepass")),
            shingles=held if len(held) <= STORED_SHINGLES else held[:0],
            signature=sign(held),
        )
        for text, held in zip(normal, shingles, strict=True)
    ]


def sign(shingles: Uint32s) -> Uint32s:
    """The minimum of each permuted hash over the set. Blocks keep the work inside the processor's cache."""
    signature = np.full(PERMUTATIONS, 0xFFFFFFFF, dtype=np.uint32)
    for start in range(0, len(shingles), _BLOCK):
        block = shingles[start : start + _BLOCK, None] * _FACTORS
        block += _OFFSETS
        np.minimum(signature, block.min(axis=0), out=signature)
    return signature


def _shingle_all(texts: Sequence[str]) -> list[Uint32s]:
    """The sorted distinct shingle hashes of each text; a space at both ends lets edges count like any place."""
    shingles: list[Uint32s] = [np.empty(0, dtype=np.uint32)] * len(texts)
    for width, chosen in _groups(texts):
        padded = [f" {texts[i]} ".ljust(width) for i in chosen]
        hashes = _hash_windows("".join(padded), width)
        start = 0
        for i, text in zip(chosen, padded, strict=True):
            shingles[i] = _distinct(hashes[start : start + len(text) - width + 1])
            start += len(text)
    return shingles


def _groups(texts: Sequence[str]) -> Iterator[tuple[int, list[int]]]:
    """Texts of one width, hashed together: few enough that a batch of long ones needs no more memory than one does."""
    for width, fits in ((3, True), (5, False)):
        group: list[int] = []
        characters = 0
        for i, text in enumerate(texts):
            if (len(text) <= SHORT_TEXT) is not fits:
                continue
            group.append(i)
            characters += len(text)
            if characters >= SKETCHED_TEXT:
                yield width, group
                group, characters = [], 0
        if group:
            yield width, group


def _hash_windows(text: str, width: int) -> Uint32s:
    """A hash of each window of `width` characters. The width enters it, so that widths never look alike."""
    characters = np.frombuffer(text.encode("utf-32-le", "surrogatepass"), dtype="<u4").astype(np.uint64)
    windows = len(characters) - width + 1
    hashes = np.full(windows, width, dtype=np.uint64)
    for place in range(width):
        hashes += characters[place : place + windows]
        hashes *= _GOLDEN_RATIO
        hashes ^= hashes >> np.uint64(29)
    hashes *= _FINAL_MIX
    return (hashes >> np.uint64(32)).astype(np.uint32)


def _distinct(hashes: Uint32s) -> Uint32s:
    ordered = np.sort(hashes)
    first = np.ones(len(ordered), dtype=bool)
    np.not_equal(ordered[1:], ordered[:-1], out=first[1:])
    return ordered[first]


def _jaccard(a: Uint32s, b: Uint32s) -> float:
    merged = np.sort(np.concatenate((a, b)))
    shared = int(np.count_nonzero(merged[1:] == merged[:-1]))
    return shared / (len(merged) - shared)
