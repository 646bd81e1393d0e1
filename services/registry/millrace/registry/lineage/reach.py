"""From data, a run or a base on to the versions that came of it."""

from dataclasses import dataclass
from typing import Any

from millrace.chassis import Transaction, Unprocessable
from millrace.registry import store


class NothingAsked(Unprocessable):
    def __init__(self) -> None:
        super().__init__("say where from: dataset (once or several times), run or base")


@dataclass(frozen=True, slots=True)
class Asked:
    """What versions are looked for of. `document` is the name of what the datasets were found by, to be shown."""

    datasets: tuple[str, ...] = ()
    run: str | None = None
    base: str | None = None
    document: str | None = None


async def reach(tx: Transaction, workspace: str, asked: Asked) -> dict[str, Any]:
    """The versions that were made from it, and those that went on from their weights, by number; `how` says which.

    `beside` are versions whose run was picked over the one that is asked for. Raises NothingAsked.
    """
    if not (asked.datasets or asked.run or asked.base or asked.document):
        raise NothingAsked
    rows = await store.made_from(tx, workspace, asked.datasets, asked.run, asked.base)
    return {
        "workspace": workspace,
        "document": asked.document,
        "datasets": list(asked.datasets),
        "run": asked.run,
        "base": asked.base,
        "versions": [_told(row) for row in rows],
        "beside": await store.picked_over(tx, workspace, asked.run) if asked.run else [],
    }


def _told(row: Any) -> dict[str, Any]:
    how = "made from it" if row["direct"] else f"went on from {row['parent']}"
    names = ("stage", "dataset", "run_id", "method", "base", "parent", "created_at")
    return {"version": row["id"], "how": how, "direct": row["direct"], **{name: row[name] for name in names}}
