"""Figures of a text, by which published filters tell prose from what only looks like it: `MEASURES` of a workspace.

Words are what stands between spaces. Shares of characters are of those in words, so that layout counts for nothing.
What is repeated is what stood before: of two equal lines one is a duplicate. A group of words that occurs once is no
repetition, so that a short text is not refused for having few words. Every figure takes linear time.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import cached_property, partial

_BULLETS = ("-", "*", "\u2022", "\u2023", "\u25e6", "\u25cf", "\u2043", "\u00b7")
_ELLIPSES = re.compile(r"\.\.\.|\u2026")
_STOP_WORDS = frozenset(("the", "be", "to", "of", "and", "that", "have", "with"))
_EDGES = ".,;:!?\"'()[]\u201c\u201d\u2018\u2019"
_TERMINAL = (".", "!", "?", '"', "\u201d")
_SENTENCE = re.compile(r"[.!?]+[\"'\u201d\u2019)]*(?:\s|\Z)")
_POLICY = re.compile(r"terms of use|privacy policy|cookie policy|uses cookies|use of cookies|use cookies")
_JAVASCRIPT = "javascript"
_CITATION = re.compile(r"\[(?:[0-9]*|edit|citation needed)\]")
_PARAGRAPH = re.compile(r"\n{2,}")
_LEAST_WORDS_OF_A_LINE = 5


class Measured:
    """A text and its parts, each found once and only where a measure asks for it."""

    def __init__(self, text: str) -> None:
        self.text = text

    @cached_property
    def words(self) -> list[str]:
        return self.text.split()

    @cached_property
    def lowered(self) -> str:
        return self.text.lower()

    @cached_property
    def characters(self) -> int:
        return sum(map(len, self.words))

    @cached_property
    def lines(self) -> list[str]:
        return _parts(self.text.split("\n"))

    @cached_property
    def paragraphs(self) -> list[str]:
        return _parts(_PARAGRAPH.split(self.text))


def _parts(found: Iterable[str]) -> list[str]:
    return [part for part in (one.strip() for one in found) if part]


def _share(part: float, whole: float) -> float:
    return part / whole if whole else 0.0


def _mean_word_length(of: Measured) -> float:
    return _share(of.characters, len(of.words))


def _ellipses(of: Measured) -> float:
    return _share(len(_ELLIPSES.findall(of.text)), len(of.words))


def _alphabetic_words(of: Measured) -> float:
    return _share(sum(any(map(str.isalpha, word)) for word in of.words), len(of.words))


def _stop_words(of: Measured) -> float:
    return len(_STOP_WORDS & {word.strip(_EDGES) for word in of.lowered.split()})


def _lines_ending(of: Measured) -> float:
    return _share(sum(line.endswith(("...", "\u2026")) for line in of.lines), len(of.lines))


def _repeated(parts: Sequence[str]) -> list[str]:
    """Those that stood before."""
    return [part for part, times in Counter(parts).items() for _ in range(times - 1)]


def _duplicates(parts: Sequence[str]) -> float:
    return _share(len(_repeated(parts)), len(parts))


def _duplicate_characters(parts: Sequence[str]) -> float:
    return _share(sum(map(len, _repeated(parts))), sum(map(len, parts)))


def _groups(words: Sequence[str], n: int) -> Iterable[tuple[str, ...]]:
    return zip(*(words[at:] for at in range(n)), strict=False)


def _top_ngram(n: int, of: Measured) -> float:
    """Of several that occur equally often the longest counts."""
    counted = Counter(_groups(of.words, n))
    most = max(counted.values(), default=0)
    if most < 2:
        return 0.0
    longest = max(sum(map(len, group)) for group, count in counted.items() if count == most)
    return min(1.0, _share(longest * most, of.characters))


def _duplicate_ngrams(n: int, of: Measured) -> float:
    """Characters in groups that stood before; a word in several of them counts once."""
    seen: set[tuple[str, ...]] = set()
    covered = last = 0
    for at, group in enumerate(_groups(of.words, n)):
        if group in seen:
            covered += sum(map(len, of.words[max(at, last) : at + n]))
            last = at + n
        else:
            seen.add(group)
    return _share(covered, of.characters)


def _ends(line: str) -> bool:
    return line.endswith(_TERMINAL) and not line.endswith("...")


def _is_short(line: str) -> bool:
    return len(line.split()) < _LEAST_WORDS_OF_A_LINE


def _on_policy(line: str) -> bool:
    return _POLICY.search(line.lower()) is not None


def _on_javascript(line: str) -> bool:
    return _JAVASCRIPT in line.lower()


def _lines(are: Callable[[str], bool], of: Measured) -> float:
    return _share(sum(map(are, of.lines)), len(of.lines))


def _sentences(of: Measured) -> float:
    """Of the lines that C4 keeps."""
    kept = (
        line for line in of.lines if _ends(line) and not (_is_short(line) or _on_policy(line) or _on_javascript(line))
    )
    return sum(max(1, len(_SENTENCE.findall(line))) for line in kept)


FIGURES: Mapping[str, Callable[[Measured], float]] = {
    "characters": lambda of: len(of.text),
    "words": lambda of: len(of.words),
    "mean_word_length": _mean_word_length,
    "hash_ratio": lambda of: _share(of.text.count("#"), len(of.words)),
    "ellipsis_ratio": _ellipses,
    "bullet_lines": lambda of: _share(sum(line.startswith(_BULLETS) for line in of.lines), len(of.lines)),
    "ellipsis_lines": _lines_ending,
    "alphabetic_words": _alphabetic_words,
    "stop_words": _stop_words,
    "duplicate_lines": lambda of: _duplicates(of.lines),
    "duplicate_paragraphs": lambda of: _duplicates(of.paragraphs),
    "duplicate_line_characters": lambda of: _duplicate_characters(of.lines),
    "duplicate_paragraph_characters": lambda of: _duplicate_characters(of.paragraphs),
    **{f"top_{n}gram": partial(_top_ngram, n) for n in (2, 3, 4)},
    **{f"duplicate_{n}grams": partial(_duplicate_ngrams, n) for n in range(5, 11)},
    "sentences": _sentences,
    "curly_brackets": lambda of: of.text.count("{") + of.text.count("}"),
    "lorem_ipsum": lambda of: of.lowered.count("lorem ipsum"),
    "unterminated_lines": lambda of: _lines(lambda line: not _ends(line), of),
    "short_lines": partial(_lines, _is_short),
    "javascript_lines": partial(_lines, _on_javascript),
    "policy_lines": partial(_lines, _on_policy),
    "citation_ratio": lambda of: _share(len(_CITATION.findall(of.lowered)), len(of.words)),
}
