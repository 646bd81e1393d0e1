"""millrace train, cycles, alerts"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from millrace.cli import Data, Failure, Json, Target, show, table
from millrace.cli.commands.runs import asked
from millrace.cli.options import By
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
    dataset: Annotated[
        str | None, typer.Option(metavar="VERSION", help="Train on this version instead of a new cut, e.g. parcels@3.")
    ] = None,
    note: Annotated[str, typer.Option(help="Why; stays with the cycle.")] = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Open a training cycle by hand. A workspace has one open cycle at a time."""
    wanted = {"note": note, "by": by or whoami(), "since": since, "min_labels": min_labels, "methods": method or []}
    wanted |= {"dataset": dataset} if dataset else {}
    with Target(data).http("training") as training:
        opened = training.post(f"/v1/workspaces/{workspace}/train", json=wanted).json()
    show(opened, as_json, lambda: f"cycle {opened['cycle']} is open: `millrace cycles {workspace}` shows how it goes")


@commands.command()
def cycles(workspace: str, data: Data, limit: Limit = 20, as_json: Json = False) -> None:
    """List training cycles with their runs, newest first."""
    of: dict[str, Any] = {"workspace": workspace, "limit": limit}
    with Target(data).http("training") as training:
        found = training.get("/v1/cycles", params=of).json()
        runs = training.get("/v1/runs", params={**of, "limit": 1000}).json()
    if not found and not as_json:
        raise Failure(f"{workspace} has had no cycle", kind="nothing")
    told = [
        {
            **cycle,
            "runs": [run for run in runs if run["cycle_id"] == cycle["id"]],
            "waits_for": cycle["waits_for"] or _waits(data, workspace, cycle),
        }
        for cycle in found
    ]
    show(told, as_json, lambda: _cycles(told))


def _waits(data: Path, workspace: str, cycle: dict[str, Any]) -> str | None:
    """What a cycle waits for, as whoever it waits for says; a workspace has one open cycle at a time."""
    of: dict[str, Any] = {"workspace": workspace, "limit": 100}
    if cycle["state"] == "waiting":
        owner, path, waits = "datasets", "/v1/datasets", "rows"
    elif cycle["state"] == "judging":
        owner, path, waits = "evaluation", "/v1/evaluations", "the gate or a rollout"
    else:
        return None
    try:
        with Target(data).http(owner) as http:
            told = http.get(path, params=of).json()
    except Failure as failure:
        return f"{waits}, and {owner} can't say more: {failure.message}"
    if owner == "datasets":
        told = [cut for cut in told["cuts"] if cut["key"].rpartition("/")[0] == cycle["id"]]
    return next((one["waits_for"] for one in told if one["waits_for"]), waits)


def _cycles(told: list[dict[str, Any]]) -> Tree:
    tree = Tree("", hide_root=True)
    for cycle in told:
        state = cycle["outcome"] or cycle["state"]
        heading = Text(f"{moment(cycle['opened_at'])}  {cycle['because']}, attempt {cycle['attempt']}: ")
        heading.append(state, style=OUTCOMES.get(state, "cyan"))
        heading.append(f"  {cycle['became'] or ''}", style="bold")
        branch = tree.add(heading)
        waits = f"waits for {cycle['waits_for']}" if cycle["waits_for"] else None
        for words in filter(None, (cycle["note"], _searched(cycle), cycle["reason"], waits)):
            branch.add(Text(words, style="dim"))
        for run in cycle["runs"]:
            branch.add(_run(run))
    return tree


def _searched(cycle: dict[str, Any]) -> str | None:
    return f"the search is over: {cycle['searched']}" if cycle.get("searched") else None


def _run(run: dict[str, Any]) -> Text:
    rows = "" if run["untrusted"] else " on trusted rows"
    line = Text(f"{run['method']}{asked(run)}{rows}", style="bold" if run["picked"] else "")
    line.append(f"  {_progress(run)}", style="not bold")
    line.append(f"  {run['why'] or run['failed'] or ''}", style="not bold dim")
    return line


def _progress(run: dict[str, Any]) -> str:
    if run["state"] == "trained":
        return scores(run["scores"])
    step = f"{run['stage']} {run['step']}" if run["stage"] else run["state"]
    return f"{step}/{run['steps']}" if run["steps"] else step


@commands.command()
def budgets(
    data: Data,
    workspace: Annotated[str, typer.Argument(help="Of this workspace; left out: of all.")] = "",
    as_json: Json = False,
) -> None:
    """Show what runs took today (UTC), and what their workspaces let them take."""
    of = {"workspace": workspace} if workspace else {}
    with Target(data).http("training") as training:
        found = training.get("/v1/budgets", params=of).json()
    rows = [
        (
            one["workspace"],
            one["day"],
            _of(f"{one['seconds']:,.0f} s", one["most_seconds"] and f"{one['most_seconds']:,.0f} s"),
            _of(f"{one['cost']:,.2f}", one["most_cost"] and f"{one['most_cost']:,.2f}"),
            one["spent"] or "",
        )
        for one in found
    ]
    heads = ("workspace", "day", "time", "cost", "spent")
    show(
        found, as_json, lambda: table(heads, rows) if rows else "no run took anything today, and no budget is declared"
    )


def _of(taken: str, most: str | None) -> str:
    return f"{taken} of {most}" if most else taken


@commands.command()
def alerts(workspace: str, data: Data, limit: Limit = 20, as_json: Json = False) -> None:
    """List what training needs a person for, newest first."""
    with Target(data).http("training") as training:
        found = training.get("/v1/alerts", params={"workspace": workspace, "limit": limit}).json()
    rows = [(moment(one["at"]), one["kind"], one["version"] or "", one["reason"]) for one in found]
    show(found, as_json, lambda: table(("at", "kind", "version", "reason"), rows) if rows else "nothing needs a person")
