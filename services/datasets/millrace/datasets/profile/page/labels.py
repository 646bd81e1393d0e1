"""Labels, and examples of each."""

from collections.abc import Mapping, Sequence
from html import escape

from millrace.datasets.profile.notes import number, plural, share
from millrace.datasets.profile.page.cells import Figures
from millrace.pages import charts, table

SPLITS = ("train", "validation", "fresh", "golden")
LONG = 24
"""Labels in one column; more stand in two."""


def labels(figures: Figures) -> str:
    labels = figures["labels"]
    if not labels:
        return ""
    there = [split for split in (*SPLITS, "all") if any(split in each["splits"] for each in labels)]
    kinds = {split: f"s{SPLITS.index(split)}" if split in SPLITS else "s0" for split in there}
    compared = any(each["before"] is not None for each in labels)
    total = sum(each["rows"] for each in labels) or 1
    most = max(max(each["rows"] / total, each["before"] or 0) for each in labels)
    rows = [_label(each, kinds, total, most, compared) for each in labels]
    keys = [(kind, split) for split, kind in kinds.items()] + ([("notch", "share in the parent")] if compared else [])
    lead = "Rows of each label, by what they are used for." + (
        " The notch is its share in the parent." if compared else ""
    )
    body = f'<div class="{"long" if len(rows) > LONG else ""}">{"".join(rows)}</div>'
    return f'<p class="lead">{lead}</p>{charts.legend(keys)}{body}'


def _label(each: Figures, kinds: Mapping[str, str], total: int, most: float, compared: bool) -> str:
    parts = [(kinds[split], each["splits"].get(split, 0) / total) for split in kinds]
    bar = charts.bar(parts, most=most, before=each["before"])
    cells = f'<span class="n">{number(each["rows"])}</span><span class="n dim">{share(each["rows"], total)}</span>'
    if compared:
        moved = each["share"] - (each["before"] or 0)
        way = "" if abs(moved) < 0.0005 else "up" if moved > 0 else "down"
        cells += (
            f'<span class="n delta {way}">{100 * moved:+.1f} pp</span>'
            if way
            else '<span class="n delta dim">as before</span>'
        )
    name = f'<span title="{escape(each["label"])}">{escape(each["label"])}</span>'
    return f'<div class="row{" wide" if compared else ""}">{name}{bar}{cells}</div>'


def examples(figures: Figures) -> str:
    telling = (figures["near"] or {}).get("telling", {})
    shown = [each for each in figures["labels"] if each["examples"]]
    if not shown:
        return _drawn(figures["drawn"])
    blocks = "".join(
        _example(each, telling.get(each["label"], []), open=number < 3) for number, each in enumerate(shown)
    )
    lead = "A few rows of each label, drawn by their ids, and the words that tell the label from the rest."
    return f'<p class="lead">{lead}</p>{blocks}'


def _drawn(rows: Sequence[Mapping[str, str]]) -> str:
    """Some rows as they are."""
    if not rows:
        return ""
    names = [*rows[0]]
    lead = "A few rows, drawn by what tells them apart."
    cells = [[escape(row[name]) for name in names] for row in rows]
    return f'<p class="lead">{lead}</p>{table([*map(escape, names)], cells)}'


def _example(each: Figures, words: Sequence[str], *, open: bool) -> str:
    texts = "".join(
        f'<p class="said">{escape(one["text"]) or "<i>empty</i>"}<small><code>{escape(one["id"])}</code></small></p>'
        for one in each["examples"]
    )
    told = f'<span class="dim">{escape(", ".join(words))}</span>' if words else ""
    heading = f"<b>{escape(each['label'])}</b><small>{plural(each['rows'], 'row', 'rows')}</small>{told}"
    return f"<details{' open' if open else ''}><summary>{heading}</summary>{texts}</details>"
