"""How long texts are, and their words."""

from html import escape

from millrace.datasets.profile.notes import number, share
from millrace.datasets.profile.page.cells import Figures, row
from millrace.pages import charts

NAMES = {"low": "lowest", "p5": "5 %", "p50": "median", "p95": "95 %", "high": "highest"}


def texts(figures: Figures) -> str:
    texts = figures["texts"]
    if not texts or not figures["rows"]:
        return ""
    both = "".join(_lengths(texts[kind], kind) for kind in ("characters", "words"))
    legend = charts.legend([("s0", "this version"), ("line", "its parent")]) if texts["words"]["before"] else ""
    return (
        '<p class="lead">How long the texts are. The last column takes what is longer still.</p>'
        f'{legend}<div class="two">{both}</div>{_words(figures)}'
    )


def _words(figures: Figures) -> str:
    """Those that say most about the label; where labels have no words of their own, the most frequent."""
    informing = (figures["near"] or {}).get("informing") or []
    if informing:
        rows = "".join(
            f'<div class="row spoken"><span title="{escape(each["word"])}">{escape(each["word"])}</span>'
            f"{charts.bar([('s0', each['own']), ('s4', each['times'] - each['own'])], most=each['times'])}"
            f'<span class="n">{number(each["times"])}</span>'
            f'<span class="dim told" title="{escape(each["label"])}">{escape(each["label"])}</span></div>'
            for each in informing
        )
        lead = (
            "By the log-likelihood ratio of each word and label (Dunning 1993). The bar is the share of its uses under "
            "the label that it speaks for most."
        )
        heading = "Words that say most about the label"
        return f'<h3 style="margin-top:24px">{heading}</h3><p class="lead">{lead}</p><div class="long">{rows}</div>'
    vocabulary = figures["texts"]["vocabulary"]
    most = max((count for _, count in vocabulary["top"]), default=1)
    rows = "".join(
        row(word, charts.bar([("s0", count)], most=most), number(count), share(count, vocabulary["in_all"]))
        for word, count in vocabulary["top"][:24]
    )
    heading = f"The most frequent of {number(vocabulary['in_all'])} words"
    return f'<h3 style="margin-top:24px">{heading}</h3><div class="long">{rows}</div>'


def _lengths(found: Figures, kind: str) -> str:
    columns, width = len(found["counts"]), found["width"]
    names = [number(columns * width * place / 4) for place in range(5)]
    marks = {"median": (found["quantiles"].get("p50", 0) + 0.5) / width}
    title = f"{kind} of a text: median {found['quantiles'].get('p50')}"
    chart = charts.histogram(found["counts"], names, title=title, before=found["before"], marks=marks)
    cuts = "".join(
        f"<span>{name} <b>{number(found['quantiles'].get(key, 0))}</b></span>" for key, name in NAMES.items()
    )
    return f'<div><h3>{kind.capitalize()}</h3>{chart}<p class="cuts">{cuts}</p></div>'
