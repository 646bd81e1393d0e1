"""Rows unlike the rest."""

from html import escape

from millrace.datasets.profile.notes import number, plural, share
from millrace.datasets.profile.page.cells import Figures
from millrace.pages import charts, table


def outliers(figures: Figures) -> str:
    return _strangers(figures) + _lonely(figures) + _extremes(figures) + _farthest(figures)


def _strangers(figures: Figures) -> str:
    """Texts nearer to another label than to their own."""
    near = figures["near"]
    if not near or not near["texts"]:
        return ""
    nearer, looked = near["nearer_to_another"], near["looked_at"]
    lead = (
        f"{number(nearer)} of {number(looked)} texts ({share(nearer, looked)}) use the words of another label more "
        "than those of their own. These do most: mistakes of labelling are among them, and hard cases."
    )
    rows = "".join(_outlier(each) for each in near["texts"])
    head = "<thead><tr><th>text</th><th>its label, and how near</th><th>looks like, and how near</th></tr></thead>"
    table = f'<div class="scroll"><table>{head}<tbody>{rows}</tbody></table></div>'
    return f'<h3>Texts that look like another label</h3><p class="lead">{lead}</p>{table}'


def _outlier(each: Figures) -> str:
    where = f"<small><code>{escape(each['id'])}</code> {escape(each['split'])}</small>"
    both = ((each["label"], each["own"]), (each["nearest"], each["other"]))
    cells = "".join(f"<td>{escape(label)}<br><small>{near:.2f}</small></td>" for label, near in both)
    return f'<tr><td class="text">{escape(each["text"])}<br>{where}</td>{cells}</tr>'


def _lonely(figures: Figures) -> str:
    """Texts that have little in common with any label."""
    near = figures["near"]
    if not near or not near["lonely"]:
        return ""
    lead = (
        f"{plural(near['alone'], 'text lies', 'texts lie')} far from every label, by the fence that box plots have: "
        "another language, another subject, or noise."
    )
    said = "".join(
        f'<p class="said">{escape(each["text"])}<small><code>{escape(each["id"])}</code> '
        f"{escape(each['label'])}: nearness {each['own']:.2f}</small></p>"
        for each in near["lonely"]
    )
    return f'<h3 style="margin-top:24px">Texts like no label</h3><p class="lead">{lead}</p>{said}'


def _extremes(figures: Figures) -> str:
    """Texts far longer than the rest, and those that hardly say anything."""
    texts = figures["texts"] or {"longest": [], "shortest": []}
    both = (("Far longer than the rest", texts["longest"]), ("Hardly a word", texts["shortest"]))
    blocks = [
        f'<div><h3 style="margin-top:24px">{title}</h3>{"".join(_extreme(each) for each in found)}</div>'
        for title, found in both
        if found
    ]
    return f'<div class="two">{"".join(blocks)}</div>' if blocks else ""


def _extreme(each: Figures) -> str:
    size = f"{number(each['characters'])} characters, {plural(each['words'], 'word', 'words')}"
    where = " ".join(f"<code>{escape(each[name])}</code>" for name in ("id",) if each[name])
    text = escape(each["text"]) or "<i>empty</i>"
    return f'<p class="said">{text}<small>{where} {escape(each["label"])}: {size}</small></p>'


def _farthest(figures: Figures) -> str:
    """Values of numbers that lie far out, with what is usual of their column."""
    found = (figures["numbers"] or {"farthest": []})["farthest"]
    if not found:
        return ""
    names = figures["declared"]["names"]
    rows = [
        (
            *(escape(each["row"][name]) for name in names),
            escape(each["column"]),
            charts.short(each["value"]),
            f"{charts.short(each['usual'][0])} to {charts.short(each['usual'][1])}",
            f"{each['spans']:,.0f}",
        )
        for each in found
    ]
    head = (*map(escape, names), "column", "value", "half lie between", "spans away")
    places = [len(names) + 1, len(names) + 2, len(names) + 3]
    lead = "Values more than three spans between the quartiles away from them, the farthest of each column first."
    return f'<h3>Values far out</h3><p class="lead">{lead}</p>{table(head, rows, numbers=places)}'
