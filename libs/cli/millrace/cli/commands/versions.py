"""millrace versions, promote, rollback, history"""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from millrace.cli import Data, Json, Target, show, table
from millrace.cli.decisions import Reason, Seen, decide, moved, seen_or_current
from millrace.cli.options import By
from millrace.cli.person import moment

commands = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")]
MAIN = ("macro_f1", "mae")
"""What is shown of each suite: of numbers their mean error, in the target's own unit."""
STAGES = {"production": "bold green", "canary": "cyan", "shadow": "cyan", "registered": "yellow"}


@commands.command()
def versions(workspace: str, data: Data, limit: Limit = 20, as_json: Json = False) -> None:
    """List the versions of a workspace, newest first."""
    with Target(data).http("registry") as registry:
        found = registry.get(f"/v1/workspaces/{workspace}/versions", params={"limit": limit}).json()
        route = registry.get(f"/v1/workspaces/{workspace}").json()["route"]
    show(found, as_json, lambda: _versions(found, route) if found else f"{workspace} has no version yet")


def _versions(found: list[dict[str, Any]], route: dict[str, Any]) -> Table:
    suites = sorted({name for one in found for name in one["scores"] if name.endswith(MAIN)})
    rows = [
        (
            one["version"],
            _stage(one, route),
            one["method"],
            *(_figure(one["scores"].get(name)) for name in suites),
            moment(one["staged_at"]),
            Text(_remarks(one), style="yellow"),
        )
        for one in found
    ]
    names = [name.removesuffix(".macro_f1").replace(".", " ") for name in suites]
    return table(("version", "stage", "method", *names, "since", ""), rows)


def _stage(one: dict[str, Any], route: dict[str, Any]) -> Text:
    canary = route.get("canary")
    share = f" {canary['share']:.0%}" if canary and one["stage"] == "canary" else ""
    return Text(one["stage"] + share, style=STAGES.get(one["stage"], "dim"))


def _remarks(one: dict[str, Any]) -> str:
    held = f"held by {one['hold']['by']}: {one['hold']['reason']}" if one.get("hold") else ""
    return "; ".join(filter(None, (held, "learned from rows that are erased" if one["erasures"] else "")))


def _figure(value: float | None) -> str:
    return "" if value is None else f"{value:.3f}"


@commands.command()
def promote(
    workspace: str, version: str, data: Data, seen: Seen = None, by: By = "", reason: Reason = "", as_json: Json = False
) -> None:
    """Put a version into production, or give a rollout the approval it waits for; four eyes: ask for it."""
    with Target(data).http("registry") as registry:
        revision = seen_or_current(registry, workspace, seen)
        told = decide(registry, workspace, "promote", by, version=version, revision=revision, reason=reason)
    show(told, as_json, lambda: moved(told))


@commands.command()
def rollback(
    workspace: str,
    data: Data,
    reason: Reason,
    to: Annotated[
        str | None, typer.Option(metavar="VERSION", help="An earlier production; the last one otherwise.")
    ] = None,
    seen: Seen = None,
    by: By = "",
    as_json: Json = False,
) -> None:
    """End the rollout; without one, let the production before answer again."""
    with Target(data).http("registry") as registry:
        revision = seen_or_current(registry, workspace, seen)
        told = decide(registry, workspace, "rollback", by, to=to, revision=revision, reason=reason)
    show(told, as_json, lambda: moved(told))


@commands.command()
def history(
    workspace: str,
    data: Data,
    limit: Limit = 30,
    version: Annotated[str | None, typer.Option(help="Only of this version.")] = None,
    as_json: Json = False,
) -> None:
    """Show the ledger: every decision on versions and routes, newest first."""
    asked: dict[str, str | int] = {"limit": limit, **({"version": version} if version else {})}
    with Target(data).http("registry") as registry:
        found = registry.get(f"/v1/workspaces/{workspace}/ledger", params=asked).json()
    rows = [
        (
            moment(one["at"]),
            str(one["revision"]),
            one["stage"] or one["kind"],
            one["version"] or "",
            one["by"],
            Text(one["reason"], overflow="fold"),
        )
        for one in found
    ]
    show(found, as_json, lambda: table(("at", "revision", "what", "version", "by", "why"), rows))
