"""millrace suites list, show, add, remove"""

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.console import Group, RenderableType

from millrace.cli import Data, Failure, Json, Target, show, table
from millrace.cli.options import By
from millrace.cli.output import short
from millrace.cli.person import counted, moment, whoami
from millrace.cli.rows import Unreadable, each_json

commands = typer.Typer(name="suites", help="What versions are judged by.", no_args_is_help=True)

FIELDS = ("text", "label", "group", "id", "subject")
Name = Annotated[str, typer.Argument(help="As `list` names it.")]


@commands.command("list")
def each(workspace: str, data: Data, as_json: Json = False) -> None:
    """List the suites that the workspace file declares and those that teams brought."""
    with Target(data).http("evaluation") as http:
        found = http.get(f"/v1/workspaces/{workspace}/suites").json()
    nothing = f"versions of {workspace} are judged by golden, fresh and typos alone; `suites:` declares more"
    show(found, as_json, lambda: _listed(found) if found else nothing)


def _listed(found: list[dict[str, Any]]) -> RenderableType:
    rows = [
        (
            one["name"],
            one["kind"],
            one["owner"],
            _version(one),
            "" if one["rows"] is None else f"{one['rows']:,}",
            "yes" if one["declared"] else "",
            one["asks"],
        )
        for one in found
    ]
    return table(("suite", "kind", "owner", "version", "rows", "in the file", "asks for"), rows)


def _version(one: dict[str, Any]) -> str:
    if one["version"]:
        return f"{one['version']}, {moment(one['added_at'])}"
    return f"made from {one['made_of']}" if one["made_of"] else ""


@commands.command("show")
def one(
    workspace: str,
    name: Name,
    data: Data,
    version: Annotated[int | None, typer.Option(min=1, help="The newest when left out.", show_default=False)] = None,
    limit: Annotated[int, typer.Option(min=0, max=1000, help="Rows that are shown.")] = 20,
    as_json: Json = False,
) -> None:
    """Show the versions of a suite that a team brought, and rows of one as they are kept."""
    asked = {"limit": limit, **({"version": version} if version else {})}
    with Target(data).http("evaluation") as http:
        found = http.get(f"/v1/workspaces/{workspace}/suites/{name}", params=asked).json()
    show(found, as_json, lambda: _shown(found))


def _shown(found: dict[str, Any]) -> RenderableType:
    versions = [
        (
            str(one["version"]),
            one["kind"],
            one["owner"],
            f"{one['rows']:,}",
            one["digest"][:19],
            one["by"],
            moment(one["added_at"]),
            f"since {moment(one['retired_at'])} by {one['retired_by']}" if one["retired_at"] else "",
        )
        for one in found["versions"]
    ]
    rows = [(one["id"], one["label"] or "", one["group"] or "", short(one["text"], 80)) for one in found["shown"]]
    return Group(
        table(("version", "kind", "owner", "rows", "digest", "by", "brought", "removed"), versions),
        table(("row", "label", "group", "text"), rows),
    )


@commands.command()
def add(
    workspace: str,
    name: Annotated[str, typer.Argument(help="What conditions call it: a-z, 0-9 and _.")],
    file: Annotated[
        Path,
        typer.Argument(
            help="Rows, a JSON object a line: text, label, group (of rows that mean the same), id, subject.",
            exists=True,
            dir_okay=False,
        ),
    ],
    data: Data,
    owner: Annotated[str, typer.Option(help="The team that answers for it.")],
    kind: Annotated[
        str, typer.Option(help="labelled, paraphrase, consistency, extremes or injection; NAME where that is one.")
    ] = "",
    by: By = "",
    as_json: Json = False,
) -> None:
    """Bring a suite, all of its rows: they are masked, kept, and its next version judges from now on.

    The same rows again are the same version. Gates may name it once the workspace file declares it under `suites:`.
    """
    kinds = ("labelled", "paraphrase", "consistency", "extremes", "injection")
    rows = list(_rows(file))
    if not rows:
        raise Failure(f"{file} has no rows", kind="nothing")
    asked = {"kind": kind or (name if name in kinds else "labelled"), "owner": owner, "by": by or whoami()}
    with Target(data).http("evaluation", timeout=120) as http:
        found = http.post(f"/v1/workspaces/{workspace}/suites/{name}", json={**asked, "rows": rows}).json()
    show(found, as_json, lambda: _added(found))


def _rows(file: Path) -> Iterator[dict[str, Any]]:
    for line, row in each_json(file):
        if isinstance(row, Unreadable):
            raise Failure(f"{file}, line {line}: expected {row}", kind="unreadable")
        unknown = sorted(row.keys() - set(FIELDS))
        if unknown:
            hint = f"a row has {', '.join(FIELDS)}"
            raise Failure(f"{file}, line {line}: there is no key {unknown[0]}", hint=hint, kind="unreadable")
        yield {key: value for key, value in row.items() if value is not None}


def _added(found: dict[str, Any]) -> str:
    masked = f"; personal data was masked in {counted(found['masked'], 'row')}" if found["masked"] else ""
    rows = counted(found["rows"], "row")
    return f"{found['name']}, version {found['version']}: {rows} of {found['owner']}, kind {found['kind']}{masked}"


@commands.command()
def remove(workspace: str, name: Name, data: Data, by: By = "", as_json: Json = False) -> None:
    """Judge by a suite no more. Its rows go; what its versions were stays."""
    with Target(data).http("evaluation") as http:
        found = http.delete(f"/v1/workspaces/{workspace}/suites/{name}", params={"by": by or whoami()}).json()
    show(found, as_json, lambda: f"{name} judges no more; its rows are gone")
