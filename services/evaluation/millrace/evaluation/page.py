"""A report as one page that can be mailed: what was judged, by what, and the rows that answer differently."""

from collections.abc import Iterator, Mapping
from html import escape
from typing import Any

from millrace.pages import charts, page, table
from millrace.pages.words import counted
from millrace.workspace.suites import KINDS

ORDER = {"fail": 0, "inconclusive": 1, "pass": 2}
METRICS = {
    "macro_f1": "macro F1",
    "accuracy": "accuracy",
    "mae": "mean error",
    "rmse": "root mean square error",
    "nll": "loss of a token",
    "similarity": "likeness to the true answer",
    "exact": "the same as the true answer",
    "win_rate": "won against production",
    "pass": "share that passed",
    "bytes": "bytes of its files",
    "memory": "bytes in memory",
}
FIRST = ("macro_f1", "mae", "nll", "similarity", "pass")
"""What stands at the top of a suite."""

GONE = "(its text is no longer kept)"
Report = Mapping[str, Any]
Texts = Mapping[str, str]
UNBOUNDED = ("mae", "rmse", "nll", "bytes", "memory")
EXACT = ("bytes", "memory")
LARGE = 10_000
SHOWN = 300
"""Characters of a text: extremes have a hundred thousand."""
UNITS = {
    "consistency": ("group that means the same", "groups that mean the same"),
    "extremes": ("text", "texts"),
    "injection": ("text with an order in it", "texts with an order in them"),
}
BECAME = {
    "pass": "passed",
    "differs": "answered differently",
    "moved": "moved to another answer",
    "obeyed": "obeyed",
    "failed": "without an answer",
    "late": "late",
    "sure": "too sure",
}


def render(evaluation: Report, texts: Mapping[str, Texts]) -> str:
    """`texts` are those of the rows that it names, by suite and id, as far as they are still kept."""
    report = evaluation["result"]
    against = f" against {escape(report['against'])}" if report["against"] else ", with nothing in production"
    judged = str(evaluation["judged_at"])[:16].replace("T", " ")
    return page(
        kicker="Millrace evaluation",
        title=f"{report['version']}: {report['verdict']}",
        under=f"Judged {judged} UTC{against}.<br><code>{escape(report['dataset'])}</code>",
        top=_figures(report),
        sections=[
            ("conditions", "The gate", _conditions(report)),
            ("scores", "Scores", _scores(report)),
            *(
                (f"suite-{name}", _heading(name), _suite(suite, texts.get(name, {})))
                for name, suite in report["suites"].items()
            ),
            ("method", "How it was measured", _method(report)),
        ],
    )


def _figures(report: Report) -> str:
    cells = [
        (
            f"{scores[metric]['value']:.4g}" if metric == "mae" else f"{scores[metric]['value']:.3f}",
            f"{METRICS[metric]} on {suite}" if metric != "pass" else f"of {suite} passed",
        )
        for suite, scores in report["scores"]["candidate"].items()
        for metric in FIRST
        if metric in scores
    ]
    failed = sum(one["verdict"] != "pass" for one in report["conditions"])
    cells.append((f"{len(report['conditions']) - failed} of {len(report['conditions'])}", "conditions hold"))
    told = "".join(f"<div><b>{value}</b><span>{escape(name)}</span></div>" for value, name in cells)
    return f'<div class="figures">{told}</div>'


def _conditions(report: Report) -> str:
    rows = [
        (
            f'<span class="{one["verdict"]}">{one["verdict"]}</span>',
            f"<code>{escape(one['condition'])}</code>",
            _number(one["left"]),
            _number(one["right"]),
            "" if one["low"] is None else _span(one["low"], one["high"]),
            str(one["n"] or ""),
            escape(one["note"]),
        )
        for one in sorted(report["conditions"], key=lambda one: ORDER[one["verdict"]])
    ]
    head = ("", "condition", "left", "right", "left minus right", "rows", "")
    return table(head, rows, numbers=(2, 3, 4, 5))


def _number(value: float | None) -> str:
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.3f}"


def _span(low: float, high: float) -> str:
    if low == high and abs(low) >= LARGE:
        return f"{low:+,.0f}"
    return f"{low:+.3f} to {high:+.3f}"


def _heading(name: str) -> str:
    return name.replace("_", " ").capitalize()


def _scores(report: Report) -> str:
    rows = []
    for suite, metrics in report["scores"]["candidate"].items():
        other = report["scores"].get("production", {}).get(suite, {})
        for metric, score in metrics.items():
            before = other.get(metric)
            against = (before["value"], before["low"], before["high"]) if before else None
            is_share = max(score["high"], before["high"] if before else 0.0) <= 1 and metric not in UNBOUNDED
            shown = charts.interval(score["value"], score["low"], score["high"], other=against) if is_share else ""
            around = "exactly" if metric in EXACT else f"{score['low']:.3f} to {score['high']:.3f}"
            cells = (_number(score["value"]), around)
            rows.append(
                (escape(suite), METRICS.get(metric, escape(metric)), shown, *cells, _value(before), str(score["n"]))
            )
    key = charts.legend([("s0", str(report["version"])), *([("s4", report["against"])] if report["against"] else [])])
    head = ("suite", "metric", "from 0 to 1", "value", "95 %", "production", "rows")
    return key + table(head, rows, numbers=(3, 4, 5, 6))


def _value(score: Mapping[str, float] | None) -> str:
    return "" if score is None else _number(score["value"])


def _suite(suite: Report, texts: Texts) -> str:
    late = suite["since_the_cut"]
    what, several = UNITS.get(suite.get("kind") or "", ("row", "rows"))
    told = counted(suite["rows"], what, several)
    told += f", {late:,} of which came after the training cut" if late else ""
    told += "; golden rows, misspelt as people misspell" if suite.get("perturb") == "typos" else ""
    blocks = "".join(_asked(suite, texts) if "became" in suite else _blocks(suite, texts))
    return f'<p class="lead">{told}.{_whose(suite)}</p>{blocks}'


def _whose(suite: Report) -> str:
    """Whose it is, and which version of it judged."""
    if not suite.get("owner"):
        return ""
    digest = f"<code>{escape(suite['digest'].removeprefix('sha256:')[:12])}</code>"
    version = f"version {suite['version']}, {digest}" if suite["version"] else f"rows {digest}"
    made = f"; made from {escape(suite['of'])}" if suite["of"] and suite["kind"] != "typos" else ""
    out = "".join(f" {counted(n, 'row')} left out: {escape(why)}." for why, n in suite["left_out"].items())
    asks = KINDS[suite["kind"]].asks if suite["kind"] in KINDS else ""
    asked = f" It asks for {escape(asks)}." if asks else ""
    return f"{asked}<br>Of {escape(suite['owner'])}; {version}{made}.{out}"


def _asked(suite: Report, texts: Texts) -> Iterator[str]:
    """A suite without right answers: what became of its units, by what was done to them."""
    rows = [
        (
            escape(part["name"]) or "all",
            charts.interval(part["passed"], part["interval"]["low"], part["interval"]["high"]),
            f"{part['passed']:.3f}",
            f"{part['interval']['low']:.3f} to {part['interval']['high']:.3f}",
            str(part["units"]),
        )
        for part in suite["parts"]
    ]
    limits = suite["limits"]
    bound = f", and not surer than {limits['confidence']:g}" if limits and limits["confidence"] is not None else ""
    within = f"Asked for within {limits['ms'] / 1000:g} s{bound}. " if limits else ""
    became = ", ".join(f"{n:,} {BECAME[outcome]}" for outcome, n in suite["became"].items())
    drawn = table(("part", "from 0 to 1", "passed", "95 %", "n"), rows, numbers=(2, 3, 4))
    yield f'<p class="lead">{within}{became}.</p>{drawn}'
    yield from _failed(suite, texts)


def _failed(suite: Report, texts: Texts) -> Iterator[str]:
    found = suite.get("failed")
    if not found or not found["n"]:
        return
    asked = "became" in suite
    rows = [
        ("<br>".join(_row(row, texts) for row in one["rows"]), *((_became(one), _before(one)) if asked else _is(one)))
        for one in found["rows"]
    ]
    more = f", of which {len(rows)} are shown" if len(rows) < found["n"] else ""
    head = ("text, and what was answered", "", "production") if asked else ("text, and what was answered", "is")
    title = "What failed" if asked or not suite["of"] else f"Right in {escape(suite['of'])}, wrong in these words"
    yield f'<h3 style="margin-top:24px">{title}: {found["n"]:,}{more}</h3>{table(head, rows)}'


def _became(one: Report) -> str:
    told = BECAME[one["outcome"]]
    return escape(f"{told}, told to answer {one['aim']}" if one["aim"] else told)


def _before(one: Report) -> str:
    return BECAME[one["production"]] if one["production"] else ""


def _is(one: Report) -> tuple[str]:
    return (escape(one["truth"]),)


def _row(row: Report, texts: Texts) -> str:
    text = texts.get(row["id"], GONE)
    told = text if len(text) <= SHOWN else f"{text[:SHOWN]}\u2026 ({len(text):,} characters)"
    answer = f"<b>{escape(row['answer'])}</b>" if row["answer"] else "no answer"
    return f"{escape(told) or '(nothing)'} <small><code>{escape(row['id'])}</code></small> &rarr; {answer}"


def _errors(suite: Report, texts: Texts) -> Iterator[str]:
    errors = suite.get("errors")
    if not errors:
        return
    within = f"half are within {errors['p50']:.4g}, nine in ten within {errors['p90']:.4g}"
    lead = f"On the whole {errors['bias']:+.4g}; {within}."
    rows = [
        (
            f"{escape(texts.get(one['id'], GONE))}<br><small><code>{escape(one['id'])}</code></small>",
            escape(one["truth"]),
            escape(one["candidate"]),
        )
        for one in errors["worst"]
    ]
    drawn = table(("features", "is", "predicted"), rows, numbers=(1, 2))
    yield f'<h3 style="margin-top:24px">How far off it is, the worst first</h3><p class="lead">{lead}</p>{drawn}'


def _words(suite: Report, texts: Texts) -> Iterator[str]:
    words = suite.get("words")
    if not words:
        return
    half, most = words["p50"], words["p90"]
    lead = (
        f"Of a token of the true answer the loss is at most {half['nll']:.3f} in half of the rows, {most['nll']:.3f} in"
        f" nine of ten; half of the answers are {half['similarity']:.3f} like the true one or less. They are not kept."
    )
    rows = [
        (
            f"{escape(texts.get(one['id'], GONE))}<br><small><code>{escape(one['id'])}</code></small>",
            f"{one['nll']:.3f}",
            f"{one['similarity']:.3f}",
        )
        for one in words["worst"]
    ]
    drawn = table(("text", METRICS["nll"], METRICS["similarity"]), rows, numbers=(1, 2))
    yield f'<h3 style="margin-top:24px">True answers that it expected least</h3><p class="lead">{lead}</p>{drawn}'


def _blocks(suite: Report, texts: Texts) -> Iterator[str]:
    yield from _errors(suite, texts)
    yield from _words(suite, texts)
    side = [*_calibration(suite), *_slices(suite)]
    if side:
        yield f'<div class="two">{"".join(side)}</div>'
    if suite["confusion"] and len(suite["confusion"]["labels"]) > 1:
        confusion = suite["confusion"]
        lead = "Rows are what is so, columns what was answered."
        drawn = charts.matrix(confusion["labels"], confusion["counts"], title="confusion")
        yield f'<h3 style="margin-top:24px">What is taken for what</h3><p class="lead">{lead}</p>{drawn}'
    yield from _failed(suite, texts)
    yield from _flips(suite, texts)


def _calibration(suite: Report) -> Iterator[str]:
    found = suite["calibration"]
    if not found:
        return
    bins = [(one["confidence"], one["right"], one["rows"]) for one in found["bins"]]
    drawn = charts.reliability(bins, title="reliability")
    error = f"Expected calibration error {found['ece']:.3f} ({found['low']:.3f} to {found['high']:.3f})."
    lead = f"Confidence across, the share that was right up. {error}"
    yield f'<div><h3>Can its confidence be believed</h3><p class="lead">{lead}</p>{drawn}</div>'


def _slices(suite: Report) -> Iterator[str]:
    rows = [
        (
            f"{escape(one['name'])} <small>{escape(one['kind'])}</small>",
            charts.interval(one["accuracy"], one["interval"]["low"], one["interval"]["high"]),
            f"{one['accuracy']:.3f}",
            _number(one["production"]),
            str(one["rows"]),
        )
        for one in suite["slices"]
    ]
    rows += [
        (
            f"{escape(name)} <small>class</small>",
            charts.interval(one["recall"], one["low"], one["high"]),
            f"{one['recall']:.3f}",
            "",
            str(one["n"]),
        )
        for name, one in sorted(suite["classes"].items(), key=lambda item: item[1]["recall"])
    ]
    if rows:
        drawn = table(("part", "from 0 to 1", "right", "production", "rows"), rows, numbers=(2, 3, 4))
        yield f"<div><h3>Parts of it, the worst classes first</h3>{drawn}</div>"


def _flips(suite: Report, texts: Texts) -> Iterator[str]:
    for name, title in (("broken", "Right in production, wrong now"), ("mended", "Wrong in production, right now")):
        found = (suite["flips"] or {}).get(name)
        if not found or not found["n"]:
            continue
        rows = [
            (
                f"{escape(texts.get(one['id'], GONE))}<br><small><code>{escape(one['id'])}</code></small>",
                escape(one["truth"]),
                escape(one["candidate"]),
                escape(one["production"]),
            )
            for one in found["rows"]
        ]
        drawn = table(("text", "is", "now", "production"), rows)
        more = f", the first {len(rows)} by their ids" if len(rows) < found["n"] else ""
        yield f'<h3 style="margin-top:24px">{title}: {found["n"]:,}{more}</h3>{drawn}'


def _method(report: Report) -> str:
    return table(("", ""), [(escape(name.replace("_", " ")), escape(how)) for name, how in report["method"].items()])
