"""millrace runs list, show, compare, mirror"""

import time
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group, RenderableType
from rich.live import Live
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, console, show, table
from millrace.cli.mirroring import Mirror, ended
from millrace.cli.options import named
from millrace.cli.output import errors, short
from millrace.cli.person import counted, moment, scores

if TYPE_CHECKING:
    import httpx

commands = typer.Typer(name="runs", help="What was trained: parameters, scores, costs, curves.", no_args_is_help=True)

Run = Annotated[str, typer.Argument(help="A run's id as `list` shows it, or how that begins.", show_default=False)]
PAGE = 1000
EVERY = 1.0
"""Seconds between looks at a run that is followed."""
ENDED = ("trained", "failed", "pruned")
BLOCKS = "▁▂▃▄▅▆▇█"
ABOUT = (
    "workspace",
    "version",
    "method",
    "base",
    "dataset",
    "state",
    "stage",
    "stopped",
    "seconds",
    "cost",
    "failed",
    "why",
)


@commands.command("list")
def each(
    data: Data,
    workspace: Annotated[str, typer.Argument(help="Of this workspace; left out: of all.")] = "",
    where: Annotated[
        list[str] | None,
        typer.Option(
            "--where", "-w", metavar="CONDITION", help="'scores.macro_f1 >= 0.9', 'method = full', ...; all hold."
        ),
    ] = None,
    sort: Annotated[str, typer.Option(metavar="FIELD", help="-scores.macro_f1: the highest first.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 30,
    offset: Annotated[int, typer.Option(min=0, help="Leave out so many.")] = 0,
    as_json: Json = False,
) -> None:
    """Search runs: the newest cycle's first, or sorted."""
    asked: dict[str, Any] = {"where": where or [], "limit": limit, "offset": offset}
    asked |= {name: value for name, value in (("workspace", workspace), ("sort", sort)) if value}
    with Target(data).http("training") as training:
        answer = training.get("/v1/runs", params=asked)
    found, total = answer.json(), int(answer.headers["X-Total-Count"])
    show(found, as_json, lambda: _listed(found, total, offset) if found else "no run is so")


def _listed(found: Sequence[dict[str, Any]], total: int, offset: int) -> RenderableType:
    rows = [
        (
            run["id"],
            run["workspace"],
            moment(run["opened_at"]),
            Text(f"{run['method']}{asked(run)}", style="bold" if run["picked"] else ""),
            run["base"],
            run["version"] or run["state"],
            scores(run["scores"]),
            f"{run['seconds']:,.0f} s",
            "" if run["cost"] is None else f"{run['cost']:.4f}",
            short(run["why"] or run["failed"] or "", 90),
        )
        for run in found
    ]
    made = table(("run", "workspace", "opened", "method", "base", "became", "scores", "took", "cost", "why"), rows)
    last = offset + len(found)
    return made if total == len(found) else Group(made, Text(f"{offset + 1} to {last} of {total:,}", style="dim"))


def asked(run: dict[str, Any]) -> str:
    """What it was asked to be made with, beyond its method."""
    return "".join(f", {name} {_told(value)}" for name, value in sorted(run.get("asked", {}).items()))


@commands.command("show")
def one(
    run: Run,
    data: Data,
    follow: Annotated[bool, typer.Option("--follow", "-f", help="Draw it anew until it has ended.")] = False,
    as_json: Json = False,
) -> None:
    """Show a run: what it was told, how its loss falls, what came out, what it took."""
    with Target(data).http("training") as training:
        found = training.get(f"/v1/runs/{run}").json()
        if follow and not as_json:
            with Live(_shown(found), console=console, auto_refresh=False) as live:
                while found["state"] not in ENDED:
                    time.sleep(EVERY)
                    found = training.get(f"/v1/runs/{found['id']}").json()
                    live.update(_shown(found), refresh=True)
            return
    show(found, as_json, lambda: _shown(found))


def _shown(run: dict[str, Any]) -> RenderableType:
    lines = [Text(run["id"], style="bold")]
    lines += [Text(f"{name:12} {_told(run[name])}") for name in ABOUT if run[name] is not None]
    if run["step"]:
        of = f" of {run['steps']}" if run["steps"] else ""
        lines.append(Text(f"{'step':12} {run['step']}{of}"))
    if run["curve"]:
        first, last = run["curve"][0]["loss"], run["curve"][-1]["loss"]
        lines.append(Text(f"{'loss':12} {first:.3f} {line([p['loss'] for p in run['curve']])} {last:.3f}"))
    for part in ("parameters", "scores", "measured", "environment"):
        told = "  ".join(f"{name} {_told(value)}" for name, value in sorted(run[part].items()))
        lines += [Text(f"{part:12} {told}")] if told else []
    return Group(*lines)


def line(values: Sequence[float], width: int = 40) -> str:
    """A curve in one line of text: the mean of what falls into each of its columns."""
    width = min(width, len(values))
    cells = [values[len(values) * at // width : len(values) * (at + 1) // width] for at in range(width)]
    means = [sum(cell) / len(cell) for cell in cells]
    low, span = min(means), (max(means) - min(means)) or 1.0
    return "".join(BLOCKS[round((mean - low) / span * (len(BLOCKS) - 1))] for mean in means)


@commands.command()
def compare(
    runs: Annotated[list[str], typer.Argument(metavar="RUN...", help="Two or more.", show_default=False)],
    data: Data,
    out: Annotated[Path | None, typer.Option(help="Write a page with their curves, NAME.html.", dir_okay=False)] = None,
    as_json: Json = False,
) -> None:
    """Compare runs: only what differs, and their curves."""
    if len(runs) < 2:
        raise Failure("two runs or more are needed to compare", kind="usage")
    named(out, ".html")
    form = "" if out is None else ".html"
    with Target(data).http("training") as training:
        answer = training.get(f"/v1/compared-runs{form}", params={"run": runs})
    if out is not None:
        out.write_bytes(answer.content)
        show(
            {"file": str(out), "bytes": len(answer.content)},
            as_json,
            lambda: f"{out}: {counted(len(answer.content), 'byte')}",
        )
        return
    found = answer.json()
    show(found, as_json, lambda: _compared(found))


def _compared(found: dict[str, Any]) -> RenderableType:
    runs = found["runs"]
    heads = ("", *(run["version"] or run["id"][:8] for run in runs))
    rows = [(name, *(_told(value) for value in values)) for name, values in found["differs"].items()]
    if any(run["curve"] for run in runs):
        rows.append(("loss", *(line([p["loss"] for p in run["curve"]], 16) if run["curve"] else "" for run in runs)))
    same = f"{counted(len(found['same']), 'more is', 'more are')} the same in all: --json has them"
    return Group(table(heads, rows), Text(same, style="dim"))


def _told(value: Any) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, float):
        return f"{value:,.4g}" if abs(value) < 1000 else f"{value:,.0f}"
    return "" if value is None else str(value)


@commands.command()
def mirror(
    data: Data,
    workspace: Annotated[str, typer.Argument(help="Of this workspace; left out: of all.")] = "",
    to: Annotated[
        str, typer.Option(envvar="MLFLOW_TRACKING_URI", help="The tracking server, such as http://mlflow:5000.")
    ] = "",
    as_json: Json = False,
) -> None:
    """Tell an MLflow tracking server of every run that has ended and that it does not know yet.

    A workspace becomes the experiment `millrace/WORKSPACE`; a run keeps its id in the tag `millrace.run`.
    """
    if not to.startswith(("http://", "https://")):
        raise Failure("a tracking server is http://... or https://...: --to, or MLFLOW_TRACKING_URI", kind="unclear")
    server, told, known = Mirror(to), 0, 0
    with Target(data).http("training") as training, errors.status("looks for runs") as status:
        for run in ended(_every(training, workspace)):
            if server.tell(training.get(f"/v1/runs/{run['id']}").json()):
                told += 1
            else:
                known += 1
            status.update(f"{counted(told, 'run')} told, {known:,} known")
    show({"told": told, "known": known}, as_json, lambda: f"{counted(told, 'run')} told; {known:,} were known")


def _every(training: "httpx.Client", workspace: str) -> list[dict[str, Any]]:
    asked: dict[str, Any] = {"limit": PAGE, **({"workspace": workspace} if workspace else {})}
    found: list[dict[str, Any]] = []
    while True:
        page = training.get("/v1/runs", params={**asked, "offset": len(found)}).json()
        found += page
        if len(page) < PAGE:
            return found
