"""millrace quarantine list, show, release, drop, replay"""

import json
from collections.abc import Callable, Sequence
from difflib import get_close_matches
from typing import TYPE_CHECKING, Annotated, Any

import typer
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, console, printed, show, table
from millrace.cli.options import By
from millrace.cli.output import short
from millrace.cli.person import moment, whoami

if TYPE_CHECKING:
    import httpx

commands = typer.Typer(name="quarantine", help="What ingestion rejected, and why.", no_args_is_help=True)

Records = Annotated[
    list[str] | None, typer.Argument(help="Ids as `list` shows them, or how they begin.", show_default=False)
]
Reason = Annotated[str, typer.Option("--reason", help="Only with this reason, such as too_short or words.")]
Source = Annotated[str, typer.Option("--source", help="Only of this source.")]
Topic = Annotated[str, typer.Option("--topic", help="Only of this topic, such as document.submitted.v1.")]
Everything = Annotated[bool, typer.Option("--all", help="All of the workspace's.")]

ENDS = {"released": "released", "dropped": "dropped", "kept": "still refused", "refused": "could not be settled"}
NOTHING = "nothing was held that fits"
ACTS = (
    ("release", ("released",), "Let records in as they were kept, in your name. Exit code 1 when one can't be."),
    ("drop", ("dropped",), "Forget what records say; that they were rejected, and why, stays for quarantine's days."),
    (
        "replay",
        ("released", "kept"),
        "Judge records again by the rules as they are now: what passes is let in, the rest keep their new reasons.",
    ),
)
"""What can be done with records: the ends of one that are no failure, and what the command says of itself."""


@commands.command("list")
def each(
    workspace: str,
    data: Data,
    reason: Reason = "",
    source: Source = "",
    topic: Topic = "",
    state: Annotated[str, typer.Option(help="held, released or dropped.")] = "held",
    after: Annotated[str, typer.Option(metavar="ID", help="Go on after this record.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """List rejected records, newest first, with every reason."""
    which = _named(reason=reason, source=source, topic=topic, after=after)
    asked = {"workspace": workspace, "state": state, "limit": limit, **which}
    with Target(data).http("ingestion") as http:
        found = http.get("/v1/quarantine", params=asked).json()
        hint = "" if found else _meant(http, workspace, state, reason=reason, source=source)
    show(found, as_json, lambda: _listed(found) if found else f"nothing {state} in quarantine{_that_fits(which)}{hint}")


def _that_fits(which: dict[str, Any]) -> str:
    return " that fits" if which else ""


def _meant(http: "httpx.Client", workspace: str, state: str, **asked: str) -> str:
    """The nearest names that records have, of those asked for that none has."""
    held = http.get("/v1/quarantine", params={"workspace": workspace, "state": state, "limit": 1000}).json()
    names = {
        "reason": {why["code"] for one in held for why in one["reasons"]},
        "source": {one["source"] for one in held},
    }
    told = []
    for option, name in asked.items():
        if name and name not in names[option] and (near := get_close_matches(name, names[option], n=1)):
            told.append(f"; none has --{option} {name}: did you mean {near[0]}?")
    return "".join(told)


def _listed(found: list[dict[str, Any]]) -> Any:
    rows = [
        (
            Text(one["event_id"], no_wrap=True),
            moment(one["rejected_at"]),
            one["source"],
            Text(", ".join(reason["code"] for reason in one["reasons"]), overflow="fold"),
            Text(short(one["masked_text"] or "", 60)),
        )
        for one in found
    ]
    return table(("record", "at", "source", "reasons", "text"), rows)


@commands.command("show")
def one(record: str, data: Data, as_json: Json = False) -> None:
    """Show one: every reason with what was expected, and all that is kept of it, masked."""
    with Target(data).http("ingestion") as http:
        found = http.get(f"/v1/quarantine/{record}").json()
    if as_json:
        printed(found)
        return
    for name in ("event_id", "workspace", "topic", "source", "document_id", "rejected_at", "state", "decided_by"):
        if found[name] is not None:
            console.print(f"{name:12} {found[name]}", markup=False, soft_wrap=True)
    for reason in found["reasons"]:
        console.print(f"{reason['code']:12} {reason['field']}: {reason['expected']}", markup=False, soft_wrap=True)
    kept = found["record"] or {}
    for name in ("label", "suite", "metadata", "entity", "values"):
        if kept.get(name):
            console.print(f"{name:12} {json.dumps(kept[name], ensure_ascii=False)}", markup=False, soft_wrap=True)
    console.print(kept.get("text") or found["masked_text"] or "", markup=False, soft_wrap=True)


def _settling(act: str, wanted: Sequence[str]) -> Callable[..., None]:
    """The command of an act, which the same options choose records for. `wanted` are the ends that are no failure."""

    def settle(
        workspace: str,
        data: Data,
        records: Records = None,
        reason: Reason = "",
        source: Source = "",
        topic: Topic = "",
        everything: Everything = False,
        by: By = "",
        as_json: Json = False,
    ) -> None:
        which = _named(reason=reason, source=source, topic=topic, all=everything, ids=records)
        if everything and len(which) > 1:
            raise Failure("--all takes every record: leave out what would narrow it, or leave out --all", kind="usage")
        if not which:
            raise Failure(f"nothing to {act}", hint="name records, or give --reason, --source, --topic or --all")
        with Target(data).http("ingestion") as http:
            asked = {"workspace": workspace, "by": by or whoami(), **which}
            told = http.post(f"/v1/quarantine/{act}", json=asked).json()
            none = not told["records"] and not any(told[end] for end in ENDS)
            if none and (hint := _meant(http, workspace, "held", reason=reason, source=source)):
                raise Failure(NOTHING + hint, kind="nothing")
        show(told, as_json, lambda: _told(told))
        if any(one["end"] not in wanted for one in told["records"]):
            raise typer.Exit(1)

    return settle


for act, wanted, said in ACTS:
    commands.command(act, help=said)(_settling(act, wanted))


def _named(**given: Any) -> dict[str, Any]:
    """Those options that were given."""
    return {name: value for name, value in given.items() if value}


def _told(told: dict[str, Any]) -> str:
    said = [", ".join(f"{told[end]} {words}" for end, words in ENDS.items() if told[end]) or NOTHING]
    if told["job"]:
        said.append(f"{told['left']} more are looked at by job {told['job']}")
    said += [
        f"{one['event_id']}: {ENDS.get(one['end'], one['end'])}: {one['because']}"
        for one in told["records"]
        if one["because"]
    ]
    return "\n".join(said)
