"""A profile as one page that stands alone: figures in, HTML out, the same bytes for the same figures."""

from collections.abc import Iterator, Mapping
from html import escape

from millrace.datasets.profile.notes import number
from millrace.datasets.profile.page.cells import Figures
from millrace.datasets.profile.page.drift import drift
from millrace.datasets.profile.page.labels import examples, labels
from millrace.datasets.profile.page.numbers import numbers
from millrace.datasets.profile.page.outliers import outliers
from millrace.datasets.profile.page.rows import duplicates, missing, origin
from millrace.datasets.profile.page.texts import texts
from millrace.pages import page


def render(figures: Figures) -> str:
    return page(
        kicker="Millrace data profile",
        title=str(figures["version"].get("name", "data")),
        under=_under(figures),
        top=f"{_figures(figures)}{_notes(figures)}",
        sections=_sections(figures),
        foot=_foot(figures),
    )


def _sections(figures: Figures) -> Iterator[tuple[str, str, str]]:
    yield "labels", "Labels", labels(figures)
    yield "texts", "Lengths and words", texts(figures)
    yield "numbers", "Numbers", numbers(figures)
    yield "origin", "Where the rows come from", origin(figures)
    yield "duplicates", "Duplicates", duplicates(figures)
    yield "missing", "Missing values", missing(figures)
    yield "drift", "Since the parent", drift(figures)
    yield "outliers", "Outliers", outliers(figures)
    yield "examples", "Examples", examples(figures)


def _under(figures: Figures) -> str:
    about = figures["version"]
    words = [about["of"]] if about.get("of") else []
    words += [f"Cut {about['created_at'][:16].replace('T', ' ')} UTC"] if about.get("created_at") else []
    words += [f"because of {about['because']}"] if about.get("because") else []
    line = escape(" ".join(words))
    if about.get("parent_name"):
        line += f"{'; ' if line else ''}compared with its parent {escape(about['parent_name'])}"
    return line + (f"<br><code>{escape(about['digest'])}</code>" if about.get("digest") else "")


def _figures(figures: Figures) -> str:
    texts, drift = figures["texts"], figures["drift"]
    cells = [(number(figures["rows"]), "rows")]
    if figures["labels"]:
        cells.append((number(sum(1 for each in figures["labels"] if each["rows"])), "labels"))
    if texts:
        middle = texts["words"]["quantiles"].get("p50", 0)
        cells += [
            (number(middle), "words in the median text"),
            (number(texts["vocabulary"]["different"]), "different words"),
        ]
    if figures["numbers"]:
        cells.append((number(len(figures["numbers"]["order"])), "columns of numbers"))
    if figures["version"].get("history"):
        cells.append((number(figures["version"]["history"]), "of them from history"))
    without = sum((figures["version"].get("left_out") or {}).values())
    if without:
        cells.append((number(without), "moments without a row"))
    dropped = figures["duplicates"]["dropped"]
    if dropped:
        cells.append((number(sum(dropped.values())), "duplicates dropped before"))
    if drift:
        cells.append((f"{drift['rows']:+,.0f}", "rows since the parent"))
        if drift["labels"] is not None:
            cells.append((f"{drift['labels']:.2f}", "distance of labels, of 1"))
    told = "".join(f"<div><b>{value}</b><span>{name}</span></div>" for value, name in cells)
    return f'<div class="figures">{told}</div>'


def _notes(figures: Figures) -> str:
    return f'<ul class="notes">{"".join(_note(note) for note in figures["notes"])}</ul>'


def _note(note: Mapping[str, str]) -> str:
    return f'<li class="{note["kind"]}">{escape(note["text"])}</li>'


def _foot(figures: Figures) -> str:
    return (
        "Made from the rows of the version alone, with its parent's beside them: the same version gives this "
        f"page to the byte. Format {figures['format']}."
    )
