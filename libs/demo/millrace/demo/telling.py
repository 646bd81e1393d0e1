"""The story as people see it: lines that stay, and below them a panel that moves."""

import asyncio
import json
import shlex
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from time import monotonic
from typing import Any

from rich.console import Console, Group
from rich.live import Live
from rich.panel import Panel
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from millrace.demo.expectations import Check, detection, regained_at
from millrace.demo.facts import WINDOW, Facts, accuracy
from millrace.demo.pulse import Pulse, sparkline
from millrace.demo.sentences import sentence

EVERY = 0.5
_STAGES = {"production": "bold green", "superseded": "dim", "refused": "red", "rolled-back": "red", "rejected": "red"}


class Telling:
    """Implements `Teller`. Without a terminal only the lines are written."""

    def __init__(self, console: Console, facts: Facts) -> None:
        self._console = console
        self._facts = facts
        self._began = monotonic()
        self._told = 0
        self._folded = 0
        self._pulse = Pulse()
        self._title = ""

    def begins(self, title: str) -> None:
        self._title = title
        self._console.print()
        _headed(self._console, title)

    def says(self, words: str) -> None:
        self._line(Text.from_markup(f"[dim]{self._clock()}[/]  {words}"))

    def checked(self, checks: Sequence[Check]) -> None:
        self.catch_up()
        for check in checks:
            mark = "[green]✓[/]" if check.kept else "[bold red]✗[/]"
            line = Text.from_markup(f"       {mark} {check.promise}  ")
            line.append(check.seen, style="dim")
            self._line(line)

    def _line(self, line: Text) -> None:
        """A log has no width to wrap at."""
        self._console.print(line, soft_wrap=not self._console.is_terminal)

    def catch_up(self) -> None:
        """Tell what the ledger has got since."""
        ledger = self._facts.ledger
        for event in ledger[self._told :]:
            if line := sentence(event):
                self.says(line)
        self._told = len(ledger)
        self._pulse.add(self._facts.calls[self._folded :])
        self._folded = len(self._facts.calls)

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        """Tells in the background until the block ends."""
        live = Live(console=self._console, auto_refresh=False, transient=True)
        with live:
            task = asyncio.create_task(self._go_on(live))
            try:
                yield
            finally:
                task.cancel()
                with suppress(asyncio.CancelledError):
                    await task
                self.catch_up()

    async def _go_on(self, live: Live) -> None:
        while True:
            self.catch_up()
            if self._console.is_terminal:
                live.update(self._panel(), refresh=True)
            await asyncio.sleep(EVERY)

    def _panel(self) -> Panel:
        facts, counts = self._facts, self._facts.counts
        labelled = [call for call in facts.calls[-4 * WINDOW :] if call.right is not None]
        right = accuracy(labelled[-WINDOW:])
        numbers = Table.grid(padding=(0, 3))
        numbers.add_row(
            f"[dim]documents[/] {counts['kept'] + counts['kept from feedback']} kept, {counts['duplicated']} repeated, "
            f"{counts['rejected']} rejected, {counts['masked']} masked",
            f"[dim]answers[/] {len(facts.calls) - facts.failed}",
            f"[dim]failed[/] [{'red' if facts.failed else 'green'}]{facts.failed}[/]",
            f"[dim]feedback[/] {sum(facts.given.values())}",
        )
        lines = Table.grid(padding=(0, 2))
        lines.add_row(
            "[dim]accuracy[/]", sparkline(self._pulse.accuracy()), f"{right:.1%}" if right is not None else ""
        )
        confidence = self._pulse.confidence()
        lines.add_row("[dim]confidence[/]", sparkline(confidence), f"{confidence[-1]:.1%}" if confidence else "")
        return Panel(Group(numbers, lines), title=f"{self._clock()}  {self._title}", title_align="left", style="")

    def _clock(self) -> str:
        minutes, seconds = divmod(int(monotonic() - self._began), 60)
        return f"{minutes}:{seconds:02d}"


def _headed(console: Console, title: str) -> None:
    """A log has no width to rule, either."""
    console.print(Rule(f"[bold]{title}[/]", align="left", style="dim"), width=None if console.is_terminal else 80)


def conclude(
    console: Console, facts: Facts, told: dict[str, Any], *, console_url: str, serving: str, name: str, text: str
) -> None:
    """The table of versions, the story in figures, and where to look next: `text` is one to ask about."""
    console.print()
    _headed(console, "What happened")
    console.print(_versions(told["versions"]))
    before, worst, after = (told["regained"][key] for key in ("before", "worst", "after"))
    if _known(before, worst, after):
        console.print(
            f"Accuracy over {WINDOW} live labels: {before:.1%}, after the shift down to {worst:.1%}, "
            f"with {regained_at(facts)} back at {after:.1%}."
        )
    if (requests := detection(facts)) is not None:
        console.print(f"The shift was noticed after {requests} requests, without anybody looking.")
    counts = told["counts"]
    console.print(
        f"{counts['failed_requests']} of {counts['predictions'] + counts['failed_requests']} requests failed."
    )
    total, stack = told["total_s"], told["stack"]
    memory = f"{stack['rss_mb'] / 1024:.1f} GB in all"
    console.print(f"[dim]{total:.0f} s, {stack['up_s']:g} s of them to start; {memory}[/]")
    verdict = (
        "[bold green]Every promise was kept.[/]" if told["ok"] else "[bold red]A promise was broken: see ✗ above.[/]"
    )
    console.print(verdict)
    console.print()
    console.print("Look around:")
    console.print(f"  {console_url}")
    path, body = f"{serving}/v1/workspaces/{name}/predict", json.dumps({"text": text}, ensure_ascii=False)
    console.print(
        f"  curl -s {path} -H 'content-type: application/json' -d {shlex.quote(body)}",
        soft_wrap=True,
        markup=False,
        highlight=False,
    )
    console.print(f"  millrace versions {name}")


def _versions(versions: Sequence[dict[str, Any]]) -> Table:
    table = Table("version", "method", "stage", "fresh", "golden", "typos", "why", box=None, header_style="dim")
    for one in versions:
        scores = [one["scores"].get(f"{suite}.macro_f1") for suite in ("fresh", "golden", "typos")]
        shown = [f"{score:.3f}" if score is not None else "" for score in scores]
        stage = f"[{_STAGES.get(one['stage'], 'cyan')}]{one['stage']}[/]"
        table.add_row(one["id"], one["method"], stage, *shown, Text(one["why"]))
    return table


def _known(*values: float | None) -> bool:
    return all(value is not None for value in values)
