"""What may be measured of a text, and the published filters that a team may take whole.

Gopher: Rae et al. 2021, arXiv 2112.11446, section A.1.1 (quality) and table A1 (repetition).
C4: Raffel et al. 2020, arXiv 1910.10683, section 2.2. It refuses a page for brackets, lorem ipsum, a word of its
list or too few sentences, and takes single lines and citation marks out of the others. We keep a text as it is or
refuse it: of what C4 takes out there is a measure, which its preset leaves free.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

Preset = Literal["gopher", "c4"]
Bounds = tuple[float | None, float | None]


@dataclass(frozen=True)
class Measure:
    """A figure of a text: what it is, and the bounds (least, most) that a published filter sets to it."""

    means: str
    presets: Mapping[Preset, Bounds] = field(default_factory=dict)


def _gopher(means: str, least: float | None = None, most: float | None = None) -> Measure:
    return Measure(means, {"gopher": (least, most)})


def _c4(means: str, least: float | None = None, most: float | None = None) -> Measure:
    return Measure(means, {"c4": (least, most)})


MEASURES: Mapping[str, Measure] = {
    "characters": Measure("characters"),
    "words": _gopher("words", 50, 100_000),
    "mean_word_length": _gopher("characters a word on average", 3, 10),
    "hash_ratio": _gopher("# signs a word", None, 0.1),
    "ellipsis_ratio": _gopher("ellipses a word", None, 0.1),
    "bullet_lines": _gopher("share of lines that begin with a bullet", None, 0.9),
    "ellipsis_lines": _gopher("share of lines that end in an ellipsis", None, 0.3),
    "alphabetic_words": _gopher("share of words with a letter", 0.8),
    "stop_words": _gopher("different words of the, be, to, of, and, that, have, with", 2),
    "duplicate_lines": _gopher("share of lines that stood before", None, 0.30),
    "duplicate_paragraphs": _gopher("share of paragraphs that stood before", None, 0.30),
    "duplicate_line_characters": _gopher("share of characters in lines that stood before", None, 0.20),
    "duplicate_paragraph_characters": _gopher("share of characters in paragraphs that stood before", None, 0.20),
    "top_2gram": _gopher("share of characters in the most frequent pair of words", None, 0.20),
    "top_3gram": _gopher("share of characters in the most frequent 3 words", None, 0.18),
    "top_4gram": _gopher("share of characters in the most frequent 4 words", None, 0.16),
    **{
        f"duplicate_{n}grams": _gopher(f"share of characters in runs of {n} words that stood before", None, most)
        for n, most in ((5, 0.15), (6, 0.14), (7, 0.13), (8, 0.12), (9, 0.11), (10, 0.10))
    },
    "sentences": _c4(
        "sentences in lines of 5 words and more that end in . ! ? or a quotation mark and aren't notes on policy",
        3,
    ),
    "curly_brackets": _c4("curly brackets", None, 0),
    "lorem_ipsum": _c4("times lorem ipsum", None, 0),
    "unterminated_lines": Measure("share of lines that don't end in . ! ? or a quotation mark"),
    "short_lines": Measure("share of lines of fewer than 5 words"),
    "javascript_lines": Measure("share of lines that speak of javascript"),
    "policy_lines": Measure("share of lines on terms of use, privacy or cookies"),
    "citation_ratio": Measure("marks such as [3], [edit] or [citation needed] a word"),
}


def bounds(presets: tuple[Preset, ...], own: Mapping[str, Bounds | None]) -> dict[str, Bounds]:
    """The bounds that hold, by measure: those of the presets, a team's own in their place, None lifting one."""
    given = {
        name: measure.presets[preset]
        for name, measure in MEASURES.items()
        for preset in presets
        if preset in measure.presets
    }
    return {name: held for name, held in {**given, **own}.items() if held is not None}
