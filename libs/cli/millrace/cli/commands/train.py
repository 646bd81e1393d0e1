"""millrace train, cycles, alerts"""

from pathlib import Path
from typing import Annotated, Any

import typer
from rich.text import Text
from rich.tree import Tree

from millrace.cli import Data, Failure, Json, Target, show, table
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
    asked = {"note": note, "by": by or whoami(), "since": since, "min_labels": min_labels, "methods": method or []}
    asked |= {"dataset": dataset} if dataset else {}
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
    waits = _waits(data, workspace, [cycle["id"] for cycle in found if cycle["state"] == "waiting"])
    told = [
        {
            **cycle,
            "runs": [run for run in runs if run["cycle_id"] == cycle["id"]],
            "waits_for": waits.get(cycle["id"]),
        }
        for cycle in found
    ]
    show(told, as_json, lambda: _cycles(told))


def _waits(data: Path, workspace: str, waiting: list[str]) -> dict[str, str]:
    """What datasets says that cycles wait for, by cycle."""
    if not waiting:
        return {}
    try:
        with Target(data).http("datasets") as datasets:
            cuts = datasets.get("/v1/datasets", params={"workspace": workspace, "limit": 100}).json()["cuts"]
    except Failure as failure:
        return dict.fromkeys(waiting, f"rows, and datasets can't say more: {failure.message}")
    told = {cut["key"].rpartition("/")[0]: cut["waits_for"] for cut in cuts if cut["waits_for"]}
    return {cycle: told.get(cycle, "rows") for cycle in waiting}


def _cycles(told: list[dict[str, Any]]) -> Tree:
    tree = Tree("", hide_root=True)
    for cycle in told:
        state = cycle["outcome"] or cycle["state"]
        heading = Text(f"{moment(cycle['opened_at'])}  {cycle['because']}, attempt {cycle['attempt']}: ")
        heading.append(state, style=OUTCOMES.get(state, "cyan"))
        heading.append(f"  {cycle['became'] or ''}", style="bold")
        branch = tree.add(heading)
        waits = f"waits for {cycle['waits_for']}" if cycle["waits_for"] else None
        for words in filter(None, (cycle["note"], cycle["reason"], waits)):
            branch.add(Text(words, style="dim"))
        for run in cycle["runs"]:
            branch.add(_run(run))
    return tree


def _run(run: dict[str, Any]) -> Text:
    rows = "" if run["untrusted"] else " on trusted rows"
    line = Text(f"{run['method']}{rows}", style="bold" if run["picked"] else "")
    line.append(f"  {_progress(run)}", style="not bold")
    line.append(f"  {run['why'] or run['failed'] or ''}", style="not bold dim")
    return line


def _progress(run: dict[str, Any]) -> str:
    if run["state"] == "trained":
        return scores(run["scores"])
    step = f"{run['stage']} {run['step']}" if run["stage"] else run["state"]
    return f"{step}/{run['steps']}" if run["steps"] else step


@commands.command()
def alerts(workspace: str, data: Data, limit: Limit = 20, as_json: Json = False) -> None:
    """List what training needs a person for, newest first."""
    with Target(data).http("training") as training:
        found = training.get("/v1/alerts", params={"workspace": workspace, "limit": limit}).json()
    rows = [(moment(one["at"]), one["kind"], one["version"] or "", one["reason"]) for one in found]
    show(found, as_json, lambda: table(("at", "kind", "version", "reason"), rows) if rows else "nothing needs a person")
