"""millrace dead-letters list, show, replay"""

import json
from typing import Annotated, Any

import typer
from rich.text import Text

from millrace.cli import Data, Failure, Json, Target, console, printed, show, table
from millrace.cli.options import By
from millrace.cli.person import moment, whoami

commands = typer.Typer(name="dead-letters", help="What services could not understand.", no_args_is_help=True)

Service = Annotated[str, typer.Argument(help="The service that keeps them.")]
Letter = Annotated[int, typer.Argument(help="Its number, as `list` shows it.")]


@commands.command("list")
def each(
    data: Data,
    service: Annotated[str, typer.Argument(help="Of this service; of all when left out.")] = "",
    handler: Annotated[str, typer.Option("--handler", help="Of this handler only.")] = "",
    limit: Annotated[int, typer.Option(min=1, max=1000)] = 50,
    as_json: Json = False,
) -> None:
    """List dead letters, newest first, with their reasons."""
    target = Target(data)
    names = [service] if service else target.services
    asked: dict[str, Any] = {"limit": limit} | ({"handler": handler} if handler else {})
    found: list[dict[str, Any]] = []
    for name in names:
        with target.http(name) as http:
            found += [{"service": name, **letter} for letter in http.get("/v1/dead-letters", params=asked).json()]
    found = sorted(found, key=lambda letter: str(letter["at"]), reverse=True)[:limit]
    show(found, as_json, lambda: _listed(found) if found else "no dead letters")


@commands.command("show")
def one(service: Service, letter: Letter, data: Data, as_json: Json = False) -> None:
    """Show one with its headers and bytes; those of intake topics are decrypted for you."""
    with Target(data).http(service) as http:
        found = http.get(f"/v1/dead-letters/{letter}").json()
    if as_json:
        printed(found)
        return
    for name, value in found.items():
        if name != "body":
            console.print(
                f"{name:12} {json.dumps(value) if isinstance(value, list) else value}", markup=False, soft_wrap=True
            )
    console.print(found.get("body") or "", markup=False, soft_wrap=True)


@commands.command()
def replay(
    service: Service,
    data: Data,
    letters: Annotated[list[int], typer.Argument(help="Numbers, as `list` shows them.", show_default=False)],
    by: By = "",
    as_json: Json = False,
) -> None:
    """Give letters to their handler again (never to the topic). Exit code 1 when one dies again."""
    outcomes = []
    with Target(data).http(service) as http:
        for letter in letters:
            try:
                http.post(f"/v1/dead-letters/{letter}/replay", params={"by": by or whoami()})
                outcomes.append({"letter": letter, "replayed": True, "because": ""})
            except Failure as failure:
                outcomes.append({"letter": letter, "replayed": False, "because": failure.message})
    show(outcomes, as_json, lambda: table(("letter", "outcome"), [_outcome(each) for each in outcomes]))
    if not all(each["replayed"] for each in outcomes):
        raise typer.Exit(1)


def _listed(found: list[dict[str, Any]]) -> Any:
    rows = [
        (
            letter["service"],
            str(letter["id"]),
            moment(letter["at"]),
            Text(letter["handler"], no_wrap=True),
            Text(str(letter["reason"]), overflow="fold"),
            "replayed" if letter["replayed_at"] else "",
        )
        for letter in found
    ]
    return table(("service", "letter", "at", "handler", "reason", ""), rows)


def _outcome(each: dict[str, Any]) -> tuple[str, str]:
    return str(each["letter"]), "replayed" if each["replayed"] else each["because"]
