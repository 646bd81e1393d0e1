"""millrace erase, erasures"""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.table import Table

from millrace.cli import Data, Json, Target, show, table
from millrace.cli.options import By
from millrace.cli.output import errors
from millrace.cli.person import counted, moment, whoami

if TYPE_CHECKING:
    import httpx

commands = typer.Typer()

LOOK = 0.3


@commands.command()
def erase(
    workspace: str,
    data: Data,
    subject: Annotated[
        str, typer.Option("--subject", help="The person's id, as products gave it (subject, unit, actor).")
    ],
    by: By = "",
    within: Annotated[float, typer.Option(min=0, help="Seconds to wait for every owner's confirmation.")] = 120.0,
    as_json: Json = False,
) -> None:
    """Forget a person: every service erases what it keeps of them and confirms. Exit code 1 while one has not."""
    with Target(data).http("ingestion") as ingestion:
        asked = {"subject": subject, "by": by or whoami()}
        report = ingestion.post(f"/v1/workspaces/{workspace}/erasures", json=asked).json()
        report = _wait(ingestion, report, within, quiet=as_json)
    show(report, as_json, lambda: _page(report))
    if not report["done"]:
        raise typer.Exit(1)


@commands.command()
def erasures(
    workspace: str,
    data: Data,
    erasure: Annotated[str, typer.Argument(help="One's report; all when left out.")] = "",
    as_json: Json = False,
) -> None:
    """List who was forgotten (by pseudonym), or show the report of one erasure."""
    with Target(data).http("ingestion") as ingestion:
        path = f"/v1/workspaces/{workspace}/erasures"
        found = ingestion.get(f"{path}/{erasure}" if erasure else path).json()
    if erasure:
        show(found, as_json, lambda: _page(found))
    else:
        show(found, as_json, lambda: _listed(found) if found else f"nobody asked {workspace} to be forgotten")


def _wait(ingestion: "httpx.Client", report: dict[str, Any], within: float, *, quiet: bool) -> dict[str, Any]:
    """The report once every owner has confirmed, or the last there was in time."""
    deadline = time.monotonic() + within
    path = f"/v1/workspaces/{report['workspace']}/erasures/{report['erasure']}"
    with errors.status("", spinner="dots") as status:
        while not report["done"] and time.monotonic() < deadline:
            if not quiet:
                status.update(f"waiting for {', '.join(report['waiting_for'])}")
            time.sleep(LOOK)
            report = ingestion.get(path).json()
    return report


def _page(report: dict[str, Any]) -> Group:
    state = "done" if report["done"] else f"waiting for {', '.join(report['waiting_for'])}"
    facts = [
        ("erasure", report["erasure"]),
        ("person", report["subject"]),
        ("asked", f"{moment(report['asked_at'])} by {report['by']}"),
        ("state", state),
        ("data versions redacted", ", ".join(report["dataset_names"] or report["datasets"]) or "none"),
        ("models that had learned", ", ".join(report["versions"]) or "none"),
    ]
    facts += [(f"{name} topics forget by", moment(at)) for name, at in report["topics_forget_by"].items()]
    if report["still_named_by"]:
        named = ", ".join(f"{one['source']} ({moment(one['seen_at'])})" for one in report["still_named_by"])
        facts.append(("still named by", f"{named}: mend it there; nothing of it is taken in"))
    owners = [(one["service"], _counts(one["erased"]), moment(one["at"])) for one in report["owners"]]
    return Group(table(("", ""), facts), "", table(("owner", "erased", "at"), owners))


def _counts(erased: dict[str, int]) -> str:
    return (
        ", ".join(_counted(n, what.replace("_", " ")) for what, n in sorted(erased.items()) if n) or "nothing was kept"
    )


def _counted(n: int, what: str) -> str:
    """Owners name what they erased in the plural, where it has one."""
    one = f"{what[:-3]}y" if what.endswith("ies") else what.removesuffix("s")
    return counted(n, one, what)


def _listed(found: list[dict[str, Any]]) -> Table:
    rows = [
        (
            one["erasure"],
            one["subject"],
            moment(one["asked_at"]),
            "done" if one["done"] else f"waiting for {', '.join(one['waiting_for'])}",
        )
        for one in found
    ]
    return table(("erasure", "person", "asked", "state"), rows)
