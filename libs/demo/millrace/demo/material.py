"""The texts that the story is played with: the example's, or a user's own file split the same way."""

import csv
from collections import defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from random import Random

HELD_BACK = 5
GOLDEN_SHARE = 0.2
GOLDEN_MOST = 50
HISTORY_SHARE = 0.5
WRONG_AT_MOST = 1200
"""Of a file with many categories: enough to be proven by its golden rows, also where each category is few of them."""
WRONG_SHARE = 0.8
"""Of the live texts of a category that a bad source mixes up: few beside its history would change nothing."""
CONFUSED = 4


class Unplayable(Exception):
    """The file can't carry the story; the message says what it lacks."""


@dataclass(frozen=True, slots=True)
class Text:
    """A text and what it is about."""

    text: str
    label: str


@dataclass(frozen=True, slots=True)
class Material:
    """Texts by their part in the story.

    `golden` judges from the start and `later_golden` from the shift on; `history` trains; `traffic` and `later` are
    what customers write before and after the shift, with the truth; `wrong` are texts under labels that are not true.
    `own` says that the texts are a user's, about which less is known.
    """

    golden: Sequence[Text]
    history: Sequence[Text]
    traffic: Sequence[Text]
    later: Sequence[Text]
    later_golden: Sequence[Text]
    wrong: Sequence[Text]
    own: bool = False

    @property
    def labels(self) -> list[str]:
        return sorted({text.label for text in self.history})

    @property
    def later_labels(self) -> list[str]:
        return sorted({text.label for text in self.later})


def example(folder: Path) -> Material:
    """The material in an example's folder."""
    later = _rows(folder / "later.csv")
    return Material(
        golden=_texts(_rows(folder / "golden.csv")),
        history=_texts(_rows(folder / "history.csv")),
        traffic=_texts(_rows(folder / "traffic.csv")),
        later=_texts(row for row in later if not row["suite"]),
        later_golden=_texts(row for row in later if row["suite"]),
        wrong=_texts(_rows(folder / "bad-source.csv")),
    )


def own(path: Path, *, seed: int = 7) -> Material:
    """A user's file with columns text and category: five categories held back as the shift. Raises Unplayable."""
    rows = _rows(path)
    if not rows or not {"text", "category"} <= rows[0].keys():
        raise Unplayable(f"{path}: expected a CSV file with columns text and category")
    by_label: defaultdict[str, list[Text]] = defaultdict(list)
    for text in dict.fromkeys(_texts(rows)):
        if text.text.strip() and text.label.strip():
            by_label[text.label].append(text)
    random = Random(seed)
    for label in sorted(by_label):
        random.shuffle(by_label[label])
    fit = sorted(label for label, texts in by_label.items() if len(texts) >= 30)
    if len(fit) < HELD_BACK + CONFUSED:
        raise Unplayable(f"{path}: expected {HELD_BACK + CONFUSED} categories of 30 texts, found {len(fit)}")
    # the shift needs many fresh texts, so the held back are drawn from the better stocked half
    stocked = sorted(sorted(fit, key=lambda label: -len(by_label[label]))[: max(HELD_BACK, len(fit) // 2)])
    held = set(random.sample(stocked, HELD_BACK))
    return _dealt({label: by_label[label] for label in fit}, held, random)


def _dealt(by_label: dict[str, list[Text]], held: set[str], random: Random) -> Material:
    golden: list[Text] = []
    history: list[Text] = []
    traffic: list[Text] = []
    later: list[Text] = []
    later_golden: list[Text] = []
    for label, texts in by_label.items():
        judged = min(GOLDEN_MOST, int(len(texts) * GOLDEN_SHARE))
        (later_golden if label in held else golden).extend(texts[:judged])
        if label in held:
            later.extend(texts[judged:])
            continue
        known = judged + int(len(texts) * HISTORY_SHARE)
        history.extend(texts[judged:known])
        traffic.extend(texts[known:])
    wrong = _mislabelled(traffic, random)
    spoilt = {text.text for text in wrong}
    kept = [text for text in traffic if text.text not in spoilt]
    for part in (golden, history, kept, later, later_golden):
        random.shuffle(part)
    return Material(golden, history, kept, later, later_golden, wrong, own=True)


def _mislabelled(traffic: Iterable[Text], random: Random) -> list[Text]:
    """Most of the live texts of some categories, each under the next one's name."""
    by_label: defaultdict[str, list[Text]] = defaultdict(list)
    for text in traffic:
        by_label[text.label].append(text)
    stocked = sorted(by_label, key=lambda label: (-len(by_label[label]), label))
    spoilt = {label: by_label[label][: max(1, int(len(by_label[label]) * WRONG_SHARE))] for label in stocked}
    chosen = stocked[:CONFUSED]
    for label in stocked[CONFUSED : len(stocked) // 2]:
        if sum(len(spoilt[one]) for one in chosen) >= WRONG_AT_MOST:
            break
        chosen.append(label)
    wrong = [Text(text.text, other) for label, other in pairwise([*chosen, chosen[0]]) for text in spoilt[label]]
    random.shuffle(wrong)
    return wrong


def _rows(path: Path) -> list[dict[str, str]]:
    try:
        with path.open(newline="", encoding="utf-8-sig") as file:
            return list(csv.DictReader(file))
    except (OSError, UnicodeDecodeError, csv.Error) as error:
        raise Unplayable(f"{path}: {error}") from error


def _texts(rows: Iterable[dict[str, str]]) -> list[Text]:
    return [Text(row["text"], row["category"]) for row in rows]
