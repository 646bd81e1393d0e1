"""millrace features show, table, profile"""

import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group

from millrace.cli import Data, Failure, Json, Target, show, table
from millrace.cli.commands.datasets import profiled
from millrace.cli.options import By, instant, named
from millrace.cli.output import errors
from millrace.cli.person import counted, moment, whoami

if TYPE_CHECKING:
    import httpx

commands = typer.Typer(name="features", help="What models of tabular workspaces look at.", no_args_is_help=True)

LOOK = 0.3


@commands.command("show")
def one(
    workspace: str,
    entity: Annotated[str, typer.Argument(help="As products call it.")],
    data: Data,
    at: Annotated[
        str | None, typer.Option(metavar="TIME", help="A moment of the last hour, e.g. 2026-11-21T10:00:00Z; now.")
    ] = None,
    as_json: Json = False,
) -> None:
    """Show an entity's features as serving answers them."""
    moment = instant(at, "--at")
    asked = {"entity": entity} | ({"at": moment} if moment else {})
    with Target(data).http("serving") as serving:
        told = serving.post(f"/v1/workspaces/{workspace}/features", json=asked).json()
    show(told, as_json, lambda: _vector(told))


Since = Annotated[
    str | None, typer.Option(metavar="TIME", help="Moments from then on: 2026-11-21, or 2026-11-21T10:00:00Z.")
]
Until = Annotated[str | None, typer.Option(metavar="TIME", help="Moments before then.")]
Within = Annotated[float, typer.Option(min=0, help="Seconds to wait until it is made.")]


@commands.command("table")
def rows(
    workspace: str,
    data: Data,
    out: Annotated[Path, typer.Option("--out", dir_okay=False, help="A Parquet file, which must not be there.")],
    since: Since = None,
    until: Until = None,
    by: By = "",
    within: Within = 600.0,
    as_json: Json = False,
) -> None:
    """Write what a model would train on: moments whose truth is known, with the features as they were known then."""
    if out.exists():
        raise Failure(f"{out} is there already", kind="exists")
    named(out, ".parquet")
    asked = _asked(by, since, until)
    with Target(data).http("datasets") as datasets:
        told = datasets.post(f"/v1/workspaces/{workspace}/feature-tables", json=asked).json()
        told = _made(datasets, told, within, quiet=as_json)
        _fetch(datasets, f"/v1/feature-tables/{told['table']}/file", out)
    told["out"] = str(out)
    show(told, as_json, lambda: _told(told))


@commands.command()
def profile(
    workspace: str,
    data: Data,
    out: Annotated[
        Path | None,
        typer.Option(dir_okay=False, help="Write the page there, named .html; or its figures, named .json."),
    ] = None,
    since: Since = None,
    until: Until = None,
    by: By = "",
    within: Within = 600.0,
    as_json: Json = False,
) -> None:
    """Look at what a model would train on: one page that can be mailed, and its figures."""
    if out is not None and out.suffix not in (".html", ".json"):
        raise Failure(f"{out} is neither a page nor its figures", hint="end it in .html or .json", kind="misnamed")
    with Target(data).http("datasets") as datasets:
        told = datasets.post(f"/v1/workspaces/{workspace}/feature-tables", json=_asked(by, since, until)).json()
        told = _made(datasets, told, within, quiet=as_json)
        at = f"/v1/feature-tables/{told['table']}/profile"
        if out is not None:
            _fetch(datasets, at + out.suffix, out)
            told["out"] = str(out)
            show(told, as_json, lambda: f"{_told(told)}; {out.stat().st_size:,} bytes")
            return
        found = datasets.get(f"{at}.json").json()
    show(found, as_json, lambda: profiled(found))


def _asked(by: str, since: str | None, until: str | None) -> dict[str, Any]:
    return {"by": by or whoami(), "since": instant(since, "--since"), "until": instant(until, "--until")}


def _made(datasets: "httpx.Client", told: dict[str, Any], within: float, *, quiet: bool) -> dict[str, Any]:
    """The table once it is made. Raises Failure when it is not in time, or never will be."""
    deadline = time.monotonic() + within
    with errors.status("", spinner="dots") as status:
        while told["state"] == "waiting" and time.monotonic() < deadline:
            if not quiet:
                status.update("the table is being made")
            time.sleep(LOOK)
            told = datasets.get(f"/v1/feature-tables/{told['table']}").json()
    if told["state"] == "waiting":
        raise Failure(f"the table was not made within {within:g} s", kind="late", hint=f"its id is {told['table']}")
    if told["state"] != "made":
        raise Failure(f"the table is {told['state']}: {told['reason']}", kind=told["state"])
    return told


def _fetch(datasets: "httpx.Client", url: str, out: Path) -> None:
    """Whole, or not at all."""
    part = out.with_name(f"{out.name}.part")
    try:
        with datasets.stream("GET", url) as answer, part.open("wb") as file:
            for chunk in answer.iter_bytes():
                file.write(chunk)
        part.rename(out)
    except OSError as error:
        raise Failure(f"{out} can't be written: {error.strerror}", kind="unwritable") from None
    finally:
        part.unlink(missing_ok=True)


def _vector(told: dict[str, Any]) -> Group:
    newest = moment(told["newest"]) if told["newest"] else "nothing was observed in any window"
    about = f"{told['of']} {told['entity']} at {moment(told['at'])}; newest observation: {newest}"
    values = [
        (name, "-" if value is None else str(value), "in part" if name in told["incomplete"] else "")
        for name, value in told["features"].items()
    ]
    return Group(about, table(("feature", "value", ""), values))


def _told(told: dict[str, Any]) -> str:
    rows = f"{told['out']}: {counted(told['rows'], 'row')}, {counted(len(told['features']), 'feature')}"
    rows += f"; {counted(told['history'], 'row')} from history" if told.get("history") else ""
    for what, by in (("moments left out", told["left_out"]), ("observations not used", told["unused"])):
        rows += f"; {what}: {', '.join(f'{n:,} {why}' for why, n in sorted(by.items()))}" if by else ""
    return rows
