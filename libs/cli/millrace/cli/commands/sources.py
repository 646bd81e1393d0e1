"""millrace sources list, show, run"""

import time
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.console import Group
from rich.text import Text

from millrace.cli import Data, Json, Target, console, show, table
from millrace.cli.person import counted, moment, whoami

if TYPE_CHECKING:
    import httpx

commands = typer.Typer(name="sources", help="Where documents come from.", no_args_is_help=True)

Workspace = Annotated[str, typer.Argument(help="The workspace.")]
Source = Annotated[str, typer.Argument(help="The source's name, as the workspace file has it.")]
STATES = {"complete": "green", "partial": "yellow", "failed": "red", "running": "cyan", "held up": "yellow"}
TOLD = (
    "new",
    "changed",
    "unchanged",
    "retired",
    "rejected",
    "forgotten",
    "repeated",
    "troubles",
    "pages",
    "files",
    "rows",
)
LOOK = 0.5


@commands.command("list")
def each(workspace: Workspace, data: Data, as_json: Json = False) -> None:
    """List a workspace's sources: how they stand, what they hold, when they run next."""
    with Target(data).http("ingestion") as ingestion:
        found = ingestion.get(f"/v1/workspaces/{workspace}/sources").json()
    show(found, as_json, lambda: _listed(found) if found else f"{workspace} has no sources yet")


def _listed(found: list[dict[str, Any]]) -> Any:
    rows = [
        (
            one["source"],
            one["kind"] or "events",
            _state("retired" if one["retired"] else one["state"]),
            "" if one["documents"] is None else str(one["documents"]),
            str(one["accepted"]),
            str(one["rejected"]),
            moment((one["last_run"] or {}).get("ended_at") or one["last_at"]),
            moment(one["next_at"]),
            ", ".join(one["purposes"]),
        )
        for one in found
    ]
    names = ("source", "kind", "state", "documents", "accepted", "rejected", "last", "next", "purposes")
    return table(names, rows)


@commands.command("show")
def one(
    workspace: Workspace,
    source: Source,
    data: Data,
    run: Annotated[int | None, typer.Option(min=1, help="The report of this run, with its reasons.")] = None,
    limit: Annotated[int, typer.Option(min=1, max=1000, help="How many runs, or reasons.")] = 20,
    as_json: Json = False,
) -> None:
    """Show a source with its runs, or the report of one run: what was not taken, and why."""
    path = f"/v1/workspaces/{workspace}/sources/{source}"
    with Target(data).http("ingestion") as ingestion:
        if run is not None:
            told = ingestion.get(f"{path}/runs/{run}", params={"limit": limit}).json()
            show(told, as_json, lambda: _report(told))
            return
        found = ingestion.get(path, params={"limit": limit}).json()
    show(found, as_json, lambda: _shown(found))


def _shown(found: dict[str, Any]) -> Any:
    about = [f"{found['source']}: {found['kind'] or 'events'}, may {', '.join(found['purposes'])}"]
    if found["declared"]:
        about += [f"  {name}: {words}" for name, value in found["declared"].items() if (words := _said(value))]
    rows = [
        (
            str(each["run"]),
            _state(each["state"]),
            moment(each["started_at"] or each["due_at"]),
            moment(each["ended_at"]),
            _counts(each["counts"]),
            Text(each["reason"] or _waits(each), overflow="fold"),
        )
        for each in found["runs"]
    ]
    runs = table(("run", "state", "began", "ended", "", "why"), rows) if rows else Text("no run yet", style="dim")
    return Group(Text("\n".join(about)), Text(""), runs)


def _report(told: dict[str, Any]) -> Any:
    head = Text.assemble(f"run {told['run']}: ", _state(told["state"]), f"  {_counts(told['counts'])}")
    parts: list[Any] = [head]
    if why := told["reason"] or _waits(told):
        parts.append(Text(why, style="yellow", overflow="fold"))
    if told["troubles"]:
        codes = ", ".join(f"{number} {code}" for code, number in sorted(told["codes"].items()))
        rows = [(Text(one["item"], overflow="fold"), one["code"], one["reason"]) for one in told["troubles"]]
        parts += [Text(f"not taken: {codes}"), table(("what", "code", "expected"), rows)]
    return Group(*parts)


@commands.command("run")
def now(
    workspace: Workspace,
    source: Source,
    data: Data,
    detach: Annotated[bool, typer.Option("--detach", help="Do not wait for its end.")] = False,
    by: Annotated[str, typer.Option(help="Who asks.")] = "",
    as_json: Json = False,
) -> None:
    """Read a source now and wait for the end. Exit code 1 where it failed; Ctrl-C leaves it running."""
    path = f"/v1/workspaces/{workspace}/sources/{source}/runs"
    with Target(data).http("ingestion") as ingestion:
        asked = ingestion.post(path, json={"by": by or whoami()}).json()
        if detach:
            show(asked, as_json, lambda: f"run {asked['run']} of {source} is {asked['state']}")
            return
        told = _followed(ingestion, f"{path}/{asked['run']}", quiet=as_json)
    show(told, as_json, lambda: _report(told))
    if told["state"] not in ("complete", "partial"):
        raise typer.Exit(1)


def _followed(ingestion: "httpx.Client", path: str, *, quiet: bool) -> dict[str, Any]:
    """Wait for a run's end, and say meanwhile how far it is."""
    with console.status("waiting for a worker", spinner="dots") if not quiet else _Silent() as status:
        while True:
            told: dict[str, Any] = ingestion.get(path).json()
            if told["state"] not in ("waiting", "running"):
                return told
            status.update("  ".join(filter(None, (told["state"], _counts(told["counts"]), _waits(told)))))
            time.sleep(LOOK)


class _Silent:
    def __enter__(self) -> "_Silent":
        return self

    def __exit__(self, *_: object) -> None: ...

    def update(self, status: str) -> None: ...


def _state(state: str | None) -> Text:
    return Text(state or "", style=STATES.get(state or "", "dim"))


def _waits(run: dict[str, Any]) -> str:
    """What a run waits for, which it looks for again and again."""
    return f"held up, and tried again: {run['waits_for']}" if run.get("waits_for") else ""


def _said(value: Any) -> str:
    """A value of a declaration as people write it; nothing for what is not declared."""
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, dict):
        return ", ".join(f"{name} from {words}" for name, each in value.items() if (words := _said(each)))
    if isinstance(value, list):
        return ", ".join(map(_said, value))
    return "" if value is None else str(value)


def _counts(counts: dict[str, int]) -> str:
    told = (counted(counts[name], name.removesuffix("s"), name) for name in TOLD if counts.get(name))
    return "  ".join(told) or "nothing yet"
