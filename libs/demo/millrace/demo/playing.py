"""Plays the whole story at a place."""

import asyncio
import json
import re
from collections import Counter
from collections.abc import Sequence
from contextlib import AsyncExitStack
from pathlib import Path
from time import monotonic
from typing import Any

from rich.console import Console

from millrace.client import AsyncClient, MillraceError, Retries, Services
from millrace.demo import material
from millrace.demo.declaration import Declaration
from millrace.demo.facts import Facts
from millrace.demo.material import Material, Unplayable
from millrace.demo.place import Declined, Desk, Place
from millrace.demo.steps import STEPS, Over, Play, perform
from millrace.demo.summary import summary
from millrace.demo.telling import Telling, conclude
from millrace.demo.watching import Watcher, watching

EXAMPLE = "examples/parcel-support"
AT_ONCE = 1000
"""Connections of the customers, who do not wait for one another."""

OWN_MIN_LABELS = 500
OWN_PATIENCE = 3.0


async def play(
    place: Place, *, data: Path | None = None, summary_file: Path | None = None, console: Console | None = None
) -> int:
    """Tell the story; 0 when it kept every promise, else 1. Raises Unplayable where there is nothing to tell it with.

    `data` is a CSV file of a user's own, with columns text and category. `summary_file` gets the summary as JSON.
    """
    began, console = monotonic(), console or Console()
    texts, declaration = prepared(data)
    desk, facts = Desk(place), Facts()
    try:
        declaration.rename(free_name(declaration.name, await desk.workspaces()))
        watcher = Watcher(facts, declaration.name)
        telling = Telling(console, facts)
        services = Services(*(place.services[name] for name in ("ingestion", "serving", "feedback")))
        async with (
            AsyncClient(services, timeout=30.0) as client,
            AsyncClient(services, timeout=30.0, retries=Retries(attempts=1), connections=AT_ONCE) as asking,
            watching(place.kafka, watcher),
            telling.going_on(),
            AsyncExitStack() as crew,
        ):
            patience = OWN_PATIENCE if texts.own else 1.0
            story = Play(client, asking, desk, watcher, texts, declaration, telling, crew, patience=patience)
            await _through(story, telling)
    finally:
        await desk.close()
    told = summary(
        facts,
        story.outcomes,
        story.intake,
        up_s=place.up_s,
        rss_mb=place.rss_mb(),
        took_s=monotonic() - began,
    )
    if summary_file:
        _write(summary_file, told)
    conclude(
        console,
        facts,
        told,
        console_url=place.services.get("console", ""),
        serving=place.services["serving"],
        name=declaration.name,
        text=texts.later[0].text,
    )
    return 0 if told["ok"] else 1


async def _through(story: Play, telling: Telling) -> None:
    try:
        for step in STEPS:
            await perform(story, step)
    except Over as over:
        telling.says(f"[bold red]The story ends here[/]: without {over} there is nothing more to tell")
    except (Declined, MillraceError) as failure:
        telling.says(f"[bold red]The story broke off[/]: {failure}")
    if story.errands:
        await asyncio.gather(*story.errands, return_exceptions=True)


def _write(file: Path, told: dict[str, Any]) -> None:
    file.write_text(json.dumps(told, indent=2, default=str) + "\n", encoding="utf-8")


def prepared(data: Path | None) -> tuple[Material, Declaration]:
    """The texts and the declaration that goes with them."""
    folder = example_folder()
    declaration = Declaration.read(folder / "workspace.yaml")
    if data is None:
        return material.example(folder), declaration
    texts = material.own(data)
    declaration.rename(_slug(data.stem))
    fewest = min(Counter(text.label for text in texts.history).values())
    declaration.carry(texts.labels, min_labels=OWN_MIN_LABELS, min_examples=fewest // 2)  # half may be repeats
    return texts, declaration


def example_folder() -> Path:
    """The example in the checkout that this was installed from, or in the current folder. Raises Unplayable."""
    for root in (Path.cwd(), *Path(__file__).resolve().parents):
        if (root / EXAMPLE / "workspace.yaml").is_file():
            return root / EXAMPLE
    raise Unplayable(f"{EXAMPLE} is not here; run from a checkout")


def free_name(wanted: str, taken: Sequence[str] | set[str]) -> str:
    """The story needs a workspace that nothing has happened in."""
    numbered = (wanted if number == 1 else f"{wanted}-{number}" for number in range(1, len(taken) + 2))
    return next(name for name in numbered if name not in taken)


def _slug(stem: str) -> str:
    words = re.sub(r"[^a-z0-9]+", "-", stem.lower()).strip("-")[:40]
    return f"own-{words}" if words else "own-data"
