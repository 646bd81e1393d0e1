"""The card as a page that can be mailed."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from millrace.pages import charts, page, table
from millrace.registry.card.markdown import head, trained
from millrace.registry.lineage.page import data_of, decided, picture

Facts = Mapping[str, Any]


def render(facts: Facts) -> str:
    about, report = facts["about"], facts["evaluation"]
    purpose = about["purpose"] or "What it is for is not said."
    return page(
        kicker="Millrace model card",
        title=facts["version"],
        under=escape(purpose),
        top=_figures(facts),
        sections=[
            ("what", "What it is", _pairs(head(facts))),
            ("limits", "What it can not do", _limits(facts)),
            ("scores", "How well it answers", "".join(_scores(report))),
            ("picture", "Where it comes from", picture(facts["lineage"])),
            ("data", "Data", data_of(facts["data"])),
            ("training", "Training", _pairs(trained(facts["training"]))),
            ("decided", "What was decided", decided(facts["decisions"])),
        ],
        foot=f"Made of what the registry, its files and its report say; declared by {escape(facts['owner'])}.",
    )


def _figures(facts: Facts) -> str:
    cells = [
        (f"{scores[metric]['value']:.3f}", f"{metric.replace('_', ' ')} on {suite}")
        for suite, scores in facts["evaluation"].get("scores", {}).get("candidate", {}).items()
        for metric in list(scores)[:1]
    ]
    cells.append((f"{sum(facts['data'].get('rows', {}).values()):,}", "rows in its data"))
    cells.append((f"{facts['training']['seconds']:,.0f} s", "of training"))
    told = "".join(f"<div><b>{value}</b><span>{escape(name)}</span></div>" for value, name in cells)
    return f'<div class="figures">{told}</div>'


def _pairs(told: Mapping[str, Any]) -> str:
    return table(("", ""), [(escape(name), escape(str(value))) for name, value in told.items()])


def _limits(facts: Facts) -> str:
    rows = "".join(f'<li class="look">{_coded(one)}</li>' for one in facts["limits"])
    return f'<ul class="notes" style="margin-top:14px">{rows}</ul>'


def _coded(sentence: str) -> str:
    """What stands between backticks as code."""
    parts = escape(sentence).split("`")
    whole = len(parts) % 2 == 1
    return "".join(f"<code>{one}</code>" if whole and at % 2 else one for at, one in enumerate(parts))


def _scores(report: Facts) -> Iterator[str]:
    if report.get("missing"):
        yield f'<p class="lead">Not known here: {escape(report["missing"])}.</p>'
        return
    against = f" against {escape(report['against'])}" if report["against"] else ", with nothing in production"
    yield f'<p class="lead">At the gate: <span class="{report["verdict"]}">{report["verdict"]}</span>{against}.</p>'
    before = report["scores"].get("production", {})
    rows = []
    for suite, metrics in report["scores"]["candidate"].items():
        for metric, score in metrics.items():
            other = before.get(suite, {}).get(metric)
            marked = (other["value"], other["low"], other["high"]) if other else None
            rows.append(
                (
                    escape(suite),
                    escape(metric.replace("_", " ")),
                    charts.interval(score["value"], score["low"], score["high"], other=marked),
                    f"{score['value']:.3f}",
                    f"{score['low']:.3f} to {score['high']:.3f}",
                    f"{other['value']:.3f}" if other else "",
                    f"{score['n']:,}",
                )
            )
    yield table(("suite", "metric", "from 0 to 1", "value", "95 %", "production", "rows"), rows, numbers=(3, 4, 5, 6))
    for name, suite in report["suites"].items():
        yield from _parts(name, suite)


def _parts(name: str, suite: Facts) -> Iterator[str]:
    found = [
        (one["name"], one["kind"], one["accuracy"], one["interval"]["low"], one["interval"]["high"], one["rows"])
        for one in suite["slices"]
    ]
    found += [
        (label, "class", one["recall"], one["low"], one["high"], one["n"])
        for label, one in sorted(suite["classes"].items(), key=lambda item: item[1]["recall"])
    ]
    rows = [
        (
            f"{escape(str(part))} <small>{escape(kind)}</small>",
            charts.interval(value, low, high),
            f"{value:.3f}",
            f"{low:.3f} to {high:.3f}",
            f"{n:,}",
        )
        for part, kind, value, low, high, n in found
    ]
    if rows:
        head = ("part", "from 0 to 1", "right", "95 %", "rows")
        drawn = table(head, rows, numbers=(2, 3, 4))
        yield f"<details><summary><b>Parts of {escape(name)}</b>the worst classes first</summary>{drawn}</details>"
