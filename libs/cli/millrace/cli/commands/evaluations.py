"""millrace evaluations list, show"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, printed, show, table
from millrace.cli.options import named
from millrace.cli.person import moment

commands = typer.Typer(name="evaluations", help="How versions were judged at the gate.", no_args_is_help=True)

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
            show({"file": str(out), "bytes": len(content)}, as_json, lambda: f"{out}: {len(content):,} bytes")
            return
    if as_json:
        printed(found)
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
            "" if one["left"] is None else f"{one['left']:.3f}",
            "" if one["right"] is None else f"{one['right']:.3f}",
            "" if one["low"] is None else f"{one['low']:+.3f} to {one['high']:+.3f}",
            one["note"],
        )
        for one in result["conditions"]
    ]
    production = result["scores"].get("production", {})
    scores = [
        (
            suite,
            metric,
            f"{score['value']:.3f}",
            f"{score['low']:.3f} to {score['high']:.3f}",
            _before(production, suite, metric),
            f"{score['n']:,}",
        )
        for suite, metrics in result["scores"]["candidate"].items()
        for metric, score in metrics.items()
    ]
    return Group(
        head,
        table(("", "condition", "left", "right", "left minus right", ""), conditions),
        table(("suite", "metric", "value", "95 %", "production", "rows"), scores),
    )


def _before(production: dict[str, Any], suite: str, metric: str) -> str:
    score = production.get(suite, {}).get(metric)
    return "" if score is None else f"{score['value']:.3f}"
