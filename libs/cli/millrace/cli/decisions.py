"""What commands share that decide something about a version: who, why, upon which route, and what came of it."""

from typing import TYPE_CHECKING, Annotated, Any

import typer

from .person import whoami

if TYPE_CHECKING:
    import httpx

Reason = Annotated[str, typer.Option(help="Why; stays in the ledger.", show_default=False)]
Seen = Annotated[
    int | None, typer.Option("--revision", min=0, help="The route's revision you decide upon; refused if it moved.")
]


def seen_or_current(registry: "httpx.Client", workspace: str, seen: int | None) -> int:
    """Return the revision that a decision is made upon: the route's present one where none is named."""
    if seen is not None:
        return seen
    return int(registry.get(f"/v1/workspaces/{workspace}").json()["route"]["revision"])


def decide(registry: "httpx.Client", workspace: str, path: str, by: str, **asked: Any) -> dict[str, Any]:
    """Ask registry for something in somebody's name."""
    answer = registry.post(f"/v1/workspaces/{workspace}/{path}", json={**asked, "by": by or whoami()})
    told: dict[str, Any] = answer.json()
    return told


def moved(told: dict[str, Any]) -> str:
    """Return in one line what a decision has moved."""
    stages = ", ".join(f"{version} is {stage}" for version, stage in told["moved"].items())
    waits = f"; {told['awaiting']} waits for an approval" if told["awaiting"] else ""
    answers = f"[bold]{told['production'] or 'nothing'}[/] answers (revision {told['revision']})"
    return f"{stages or 'nothing moved'}{waits}; {answers}"
