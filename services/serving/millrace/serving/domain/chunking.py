"""Cuts a document into pieces of some words, at the ends of paragraphs and sentences where there are any."""

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import NamedTuple

UNSPACED = "\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff\uf900-\ufaff\U00020000-\U0003ffff"
"""Scripts that put no space between words: two of their characters count as one."""

WORD = re.compile(rf"[{UNSPACED}]{{1,2}}|[^\s{UNSPACED}]{{1,60}}")
PARAGRAPH = re.compile(r"\n[^\S\n]*\n")
SENTENCE = re.compile(r"[.!?…。！？]+[\"'”’»)\]]*$")


class Span(NamedTuple):
    """Characters `start` to `stop` of the document."""

    start: int
    stop: int


def chunked(text: str, *, words: int, overlap: int) -> list[Span]:
    """Pieces of at most `words` words that together hold every word, each but the first with `overlap` of the last's.

    A piece ends where a paragraph does, else where a sentence does, if its second half has such a place.
    """
    each = list(_words(text))
    ends = _edges(text, each)
    spans = []
    first = 0
    while first < len(each):
        last = min(first + words, len(each))
        if last < len(each):
            last = _cut(ends, first + max(words // 2, overlap + 1), last)
        spans.append(Span(each[first].start, each[last - 1].stop))
        if last == len(each):
            break
        first = last - overlap
    return spans


def _words(text: str) -> Iterator[Span]:
    """What is longer than any word, a link say, counts as several."""
    return (Span(*found.span()) for found in WORD.finditer(text))


def _edges(text: str, each: list[Span]) -> list[int]:
    """How good a place to end the gap after each word is: 2 after a paragraph, 1 after a sentence, else 0."""
    edges: list[int] = []
    for word, after in pairwise(each):
        if PARAGRAPH.search(text, word.stop, after.start):
            edges.append(2)
        else:
            apart = after.start > word.stop or text[word.stop - 1] in "。！？"
            edges.append(int(apart and SENTENCE.search(text[word.start : word.stop]) is not None))
    return [*edges, 2]


def _cut(edges: list[int], earliest: int, latest: int) -> int:
    """The number of words before the best place between both, the later of equals."""
    places = range(min(earliest, latest), latest + 1)
    return max(places, key=lambda place: (edges[place - 1], place))
