"""What stands out in a profile, in sentences: the page's first answer to whether this data can be trusted."""

from collections.abc import Iterator, Mapping
from typing import Any

UNEVEN, FEW, MOVED, OVERLAP = 20, 10, 0.1, 0.1
"""A label so many times as frequent as another; rows of a label that are few; a distance that is worth a look; a share
of texts that look like another label."""
SHARE = 0.01
"""Of all rows: below it nothing stands out."""
HOLLOW = 0.2
"""The share of missing values of a column that may have some, above which it says little."""


def notes(figures: Mapping[str, Any]) -> list[dict[str, str]]:
    """The gravest first: `bad`, then `look`, then `good`."""
    found = [*_rows(figures), *_labels(figures), *_texts(figures), *_duplicates(figures), *_numbers(figures)]
    found += [*_near(figures), *_drift(figures), *_moved(figures)]
    if not found:
        found = [("good", "Nothing stands out: labels, lengths, duplicates and missing values are as one would wish.")]
    order = {"bad": 0, "look": 1, "good": 2}
    return [{"kind": kind, "text": text} for kind, text in sorted(found, key=lambda note: order[note[0]])]


Notes = Iterator[tuple[str, str]]


def _rows(figures: Mapping[str, Any]) -> Notes:
    rows = figures["rows"]
    if not rows:
        yield "bad", "There are no rows."
    lost = figures["version"].get("redacted")
    if lost:
        told = plural(lost, "row was", "rows were")
        yield "look", f"{told} erased since: the digest can no longer be made from the rest."
    yield from _outside(figures)
    optional = figures["declared"]["optional"]
    for name, missing in sorted(figures["missing"].items()):
        if missing and name not in optional:
            kind = "bad" if missing > rows * SHARE else "look"
            told = f"{number(missing)} of {number(rows)} values of {name} are missing or empty"
            yield kind, f"{told} ({share(missing, rows)})."


def _outside(figures: Mapping[str, Any]) -> Notes:
    """What a table of features has no row of, and what it did not look at."""
    about, rows = figures["version"], figures["rows"]
    without = about.get("left_out") or {}
    if sum(without.values()) > rows * SHARE:
        many = plural(sum(without.values()), "moment has", "moments have")
        yield "bad" if sum(without.values()) > rows else "look", f"{many} no row: {counted(without)}."
    unused = about.get("unused") or {}
    if unused:
        many = plural(sum(unused.values()), "observation was", "observations were")
        yield "look", f"{many} not used: {counted(unused)}."


def _labels(figures: Mapping[str, Any]) -> Notes:
    counts = {each["label"]: each["rows"] for each in figures["labels"] if each["rows"]}
    if len(counts) < 2:
        if counts:
            yield "bad", "There is one label only: nothing can be told apart."
        return
    most, least = max(counts.values()), min(counts.values())
    rare = sorted(label for label, rows in counts.items() if rows < FEW)
    if rare:
        yield "bad", f"{plural(len(rare), 'label has', 'labels have')} fewer than {FEW} rows: {listed(rare)}."
    if most > UNEVEN * least:
        name = max(counts, key=lambda label: (counts[label], label))
        yield "look", f"The labels are uneven: {name} has {number(most)} rows, the rarest {number(least)}."
    untested = sorted(each["label"] for each in figures["labels"] if each["rows"] and set(each["splits"]) == {"train"})
    if untested and any(len(each["splits"]) > 1 for each in figures["labels"]):
        many = plural(len(untested), "label has", "labels have")
        yield "look", f"{many} rows to train on, but none that judge: {listed(untested)}."


def _texts(figures: Mapping[str, Any]) -> Notes:
    texts, rows = figures["texts"], figures["rows"]
    if not texts or not rows:
        return
    if texts["short"] > rows * SHARE:
        yield "look", f"{number(texts['short'])} texts have two words or fewer ({share(texts['short'], rows)})."
    long = texts["long"]
    if long["rows"] > rows * SHARE:
        told = f"{number(long['rows'])} texts are far longer than the rest"
        yield "look", f"{told}, with over {number(long['characters'])} characters."


def _duplicates(figures: Mapping[str, Any]) -> Notes:
    found, rows = figures["duplicates"], figures["rows"]
    if found.get("two_labels"):
        if figures["texts"]:
            some = plural(found["two_labels"], "text stands", "texts stand")
            yield "bad", f"{some} under two labels or more: at least one of them is wrong."
        else:
            some = plural(found["two_labels"], "set of features has", "sets of features have")
            yield "look", f"{some} rows of two labels or more: they don't tell them apart."
    same, what = found.get("same", 0), "text" if figures["texts"] else "features"
    if same > rows * SHARE:
        yield "look", f"{number(same)} rows repeat the {what} of another ({share(same, rows)})."


def _numbers(figures: Mapping[str, Any]) -> Notes:
    numbers, rows = figures["numbers"], figures["rows"]
    if not numbers:
        return
    for name in numbers["order"]:
        column = numbers["columns"][name]
        if column["missing"] > rows * HOLLOW and name in figures["declared"]["optional"]:
            yield "look", f"{share(column['missing'], rows)} of the rows have no {name}."
        if column["count"] and column["low"] == column["high"]:
            yield "look", f"{name} has one value only."
        elif column["count"] and column["far"] > column["count"] * SHARE:
            far = column["far"]
            yield "look", f"{number(far)} values of {name} lie far out ({share(far, column['count'])})."
    target = figures["declared"]["target"]
    for one, other, value in strongest(numbers):
        if abs(value) > 0.98 and target in (one, other):
            feature = other if one == target else one
            yield (
                "look",
                f"{feature} says nearly the same as the target (correlation {value:.2f}): can it be known before?",
            )
        elif abs(value) > 0.98:
            yield "look", f"{one} and {other} say nearly the same (correlation {value:.2f})."


def counted(reasons: Mapping[str, int]) -> str:
    return ", ".join(f"{number(count)} {why}" for why, count in sorted(reasons.items(), key=lambda one: (-one[1], one)))


def strongest(numbers: Mapping[str, Any]) -> list[tuple[str, str, float]]:
    """Pairs of columns, the most correlated first."""
    names, matrix = numbers.get("order", []), numbers.get("correlations", [])
    pairs = [
        (names[row], names[column], value)
        for row in range(len(names))
        for column in range(row)
        if (value := matrix[row][column]) is not None
    ]
    return sorted(pairs, key=lambda pair: (-abs(pair[2]), pair[0], pair[1]))


def _near(figures: Mapping[str, Any]) -> Notes:
    near = figures["near"]
    if near and near["nearer_to_another"] > near["looked_at"] * OVERLAP:
        many = share(near["nearer_to_another"], near["looked_at"])
        told = f"{many} of the texts use the words of another label more than their own"
        yield "look", f"{told}: labels overlap, or some are wrong."


def _drift(figures: Mapping[str, Any]) -> Notes:
    drift = figures["drift"]
    if not drift:
        return
    for kind, name in (("new_labels", "new"), ("gone_labels", "gone")):
        if drift[kind]:
            many = plural(len(drift[kind]), "label is", "labels are")
            yield "look", f"{many} {name} since the parent: {listed(drift[kind])}."
    for name, told in (("labels", "The shares of labels"), ("vocabulary", "The words")):
        if drift[name] is not None and drift[name] > MOVED:
            yield "look", f"{told} have moved since the parent (distance {drift[name]:.2f} of 1)."


def _moved(figures: Mapping[str, Any]) -> Notes:
    drift = figures["drift"]
    if not drift:
        return
    several = (*drift["numbers"].items(), *drift["categories"].items())
    apart = sorted((-value, name) for name, value in several if value is not None and value > MOVED)
    if apart:
        names = listed([f"{name} ({-value:.2f})" for value, name in apart])
        yield (
            "look",
            f"{plural(len(apart), 'column has', 'columns have')} moved since the parent, of 1 at most: {names}.",
        )
    whole = [drift[name] for name in ("labels", "vocabulary")] + [value for _, value in several]
    known = [value for value in whole if value is not None]
    if known and max(known) <= MOVED:
        yield "good", "All is much as in the parent."


def number(value: float) -> str:
    return f"{value:,.0f}"


def plural(count: int, one: str, many: str) -> str:
    return f"{number(count)} {one if count == 1 else many}"


def share(part: float, whole: float) -> str:
    percent = 100 * part / whole if whole else 0.0
    if 0 < percent < 0.05:
        return "< 0.1 %"
    return f"{percent:.1f} %" if percent < 10 else f"{percent:.0f} %"


def listed(names: list[str], most: int = 5) -> str:
    rest = len(names) - most
    return ", ".join(names[:most]) + (f" and {rest} more" if rest > 0 else "")
