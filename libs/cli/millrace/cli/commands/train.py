"""millrace train, cycles, alerts"""

from typing import Annotated, Any

import typer
from rich.table import Table
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, show, table
from millrace.cli.person import moment, scores, whoami

commands = typer.Typer()

Limit = Annotated[int, typer.Option(min=1, max=1000, help="How many, the newest first.")]
OUTCOMES = {"production": "green", "rejected": "yellow", "rolled-back": "yellow", "failed": "red", "refused": "red"}


@commands.command()
def train(
    workspace: str,
    data: Data,
    method: Annotated[
        list[str] | None, typer.Option(help="Train these methods; `declare` takes production's weights.")
    ] = None,
    since: Annotated[
        str | None, typer.Option(metavar="TIME", help="Rows from then on, e.g. 2026-11-21T10:00:00Z.")
    ] = None,
    min_labels: Annotated[int | None, typer.Option(min=0, help="Labelled rows to wait for.")] = None,
    note: Annotated[str, typer.Option(help="Why; stays with the cycle.")] = "",
    by: Annotated[str, typer.Option(help="Who asks.")] = "",
    as_json: Json = False,
) -> None:
    """Open a training cycle by hand. A workspace has one open cycle at a time."""
    asked = {"note": note, "by": by or whoami(), "since": since, "min_labels": min_labels, "methods": method or []}
    with Target(data).http("training") as training:
        opened = training.post(f"/v1/workspaces/{workspace}/train", json=asked).json()
    show(opened, as_json, lambda: f"cycle {opened['cycle']} is open: `millrace cycles {workspace}` shows how it goes")


@commands.command()
def cycles(workspace: str, data: Data, limit: Limit = 20, as_json: Json = False) -> None:
    """List training cycles with their runs, newest first."""
    asked: dict[str, Any] = {"workspace": workspace, "limit": limit}
    with Target(data).http("training") as training:
        found = training.get("/v1/cycles", params=asked).json()
        runs = training.get("/v1/runs", params={**asked, "limit": 1000}).json()
    if not found and not as_json:
        raise Failure(f"{workspace} has had no cycle", kind="nothing")
    told = [{**cycle, "runs": [run for run in runs if run["cycle_id"] == cycle["id"]]} for cycle in found]
    show(told, as_json, lambda: _cycles(told))


def _cycles(told: list[dict[str, Any]]) -> Table:
    made = table(("opened", "because", "attempt", "state", "became", "method", "validation", "why"), [])
    for cycle in told:
        state = cycle["outcome"] or cycle["state"]
        made.add_row(
            moment(cycle["opened_at"]),
            cycle["because"],
            str(cycle["attempt"]),
            Text(state, style=OUTCOMES.get(state, "cyan")),
            cycle["became"] or "",
            "",
            "",
            Text(cycle["reason"] or cycle["note"], overflow="fold"),
        )
        for run in cycle["runs"]:
            made.add_row(
                "", "", "", Text(run["state"], style="dim"), "", _method(run), _progress(run), run["why"] or ""
            )
    return made


def _method(run: dict[str, Any]) -> Text:
    name = run["method"] if run["untrusted"] else f"{run['method']}, trusted rows"
    return Text(f"* {name}" if run["picked"] else f"  {name}", style="bold" if run["picked"] else "")


def _progress(run: dict[str, Any]) -> str:
    if run["state"] == "trained":
        return scores(run["scores"])
    step = f"{run['stage']} {run['step']}" if run["stage"] else ""
    return f"{step}/{run['steps']}" if run["steps"] else step


@commands.command()
def alerts(workspace: str, data: Data, limit: Limit = 20, as_json: Json = False) -> None:
    """List what training needs a person for, newest first."""
    with Target(data).http("training") as training:
        found = training.get("/v1/alerts", params={"workspace": workspace, "limit": limit}).json()
    rows = [(moment(one["at"]), one["kind"], one["version"] or "", one["reason"]) for one in found]
    show(found, as_json, lambda: table(("at", "kind", "version", "reason"), rows) if rows else "nothing needs a person")
