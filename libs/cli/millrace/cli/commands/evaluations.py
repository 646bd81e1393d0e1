"""millrace evaluations list, show"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, show, table
from millrace.cli.options import named
from millrace.cli.person import counted, moment

commands = typer.Typer(name="evaluations", help="How versions were judged at the gate.", no_args_is_help=True)

LARGE = 10_000
STYLES = {"pass": "green", "fail": "red", "inconclusive": "yellow", "failed": "red"}


@commands.command("list")
def each(
    workspace: str,
    data: Data,
    limit: Annotated[int, typer.Option(min=1, max=200)] = 20,
    as_json: Json = False,
) -> None:
    """List evaluations, newest first."""
    with Target(data).http("evaluation") as http:
        found = http.get("/v1/evaluations", params={"workspace": workspace, "limit": limit}).json()
    show(found, as_json, lambda: _listed(found) if found else "nothing has been judged")


def _listed(found: list[dict[str, Any]]) -> RenderableType:
    rows = [
        (
            moment(one["requested_at"]),
            one["version"],
            one["against"] or "",
            _verdict(one["verdict"] or "under way"),
            one["reason"] or _failed(one["result"]),
        )
        for one in found
    ]
    return table(("asked", "version", "against", "verdict", "because"), rows)


def _failed(result: dict[str, Any] | None) -> str:
    conditions = (result or {"conditions": []})["conditions"]
    return ", ".join(one["condition"] for one in conditions if one["verdict"] != "pass")


def _verdict(verdict: str) -> Text:
    return Text(verdict, style=STYLES.get(verdict, ""))


@commands.command("show")
def one(
    version: Annotated[str, typer.Argument(help="Such as parcels-3; its newest evaluation is shown.")],
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option(help="Write the report there: NAME.html, a page; NAME.json, its figures.", dir_okay=False),
    ] = None,
    as_json: Json = False,
) -> None:
    """Show how a version was judged: every condition with its bounds, every score with its interval."""
    named(out, ".html", ".json")
    workspace = version.rpartition("-")[0] or version
    with Target(data).http("evaluation") as http:
        every = http.get("/v1/evaluations", params={"workspace": workspace, "limit": 200}).json()
        found = next((one for one in every if one["version"] == version), None)
        if found is None:
            raise Failure(
                f"{version} has not been judged", kind="nothing", hint=f"`millrace evaluations list {workspace}`"
            )
        if out is not None:
            form = ".html" if out.suffix == ".html" else ""
            content = http.get(f"/v1/evaluations/{found['id']}{form}").content
            out.write_bytes(content)
            show({"file": str(out), "bytes": len(content)}, as_json, lambda: f"{out}: {counted(len(content), 'byte')}")
            return
    show(found, as_json, lambda: _shown(found))


def _shown(found: dict[str, Any]) -> RenderableType:
    result = found["result"]
    head = Text.assemble((found["version"], "bold"), " ", _verdict(found["verdict"] or "under way"))
    head.append(f" against {found['against']}" if found["against"] else ", with nothing in production", style="dim")
    if result is None:
        return Group(head, Text(found["reason"] or "it is not judged yet"))
    conditions = [
        (
            _verdict(one["verdict"]),
            one["condition"],
            _figure(one["left"]),
            _figure(one["right"]),
            "" if one["low"] is None else _span(one["low"], one["high"]),
            one["note"],
        )
        for one in result["conditions"]
    ]
    production = result["scores"].get("production", {})
    scores = [
        (
            suite,
            metric,
            _figure(score["value"]),
            f"{score['low']:.3f} to {score['high']:.3f}" if score["low"] < score["high"] else "exactly",
            _before(production, suite, metric),
            f"{score['n']:,}",
        )
        for suite, metrics in result["scores"]["candidate"].items()
        for metric, score in metrics.items()
    ]
    suites = _judged_by(result.get("suites", {}))
    return Group(
        head,
        table(("", "condition", "left", "right", "left minus right", ""), conditions),
        table(("suite", "metric", "value", "95 %", "production", "rows"), scores),
        *([table(("suite", "kind", "owner", "version", "failed"), suites)] if suites else []),
    )


def _before(production: dict[str, Any], suite: str, metric: str) -> str:
    score = production.get(suite, {}).get(metric)
    return _figure(score and score["value"])


def _figure(value: float | None) -> str:
    """A share with its decimals; bytes without."""
    if value is None:
        return ""
    return f"{value:,.0f}" if abs(value) >= LARGE else f"{value:.3f}"


def _span(low: float, high: float) -> str:
    return f"{low:+,.0f}" if low == high and abs(low) >= LARGE else f"{low:+.3f} to {high:+.3f}"


def _judged_by(suites: dict[str, Any]) -> list[tuple[str, str, str, str, str]]:
    """Which suites, whose, of which version, and how many of each failed."""
    return [
        (
            name,
            one["kind"] + (f" of {one['of']}" if one["of"] else ""),
            one["owner"],
            (f"{one['version']}, " if one["version"] else "") + one["digest"].removeprefix("sha256:")[:12],
            f"{one['failed']['n']:,}" if one.get("failed") else "",
        )
        for name, one in suites.items()
        if one.get("owner")
    ]
