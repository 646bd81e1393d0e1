"""The steps of the story, in order: each acts, waits for the world to answer, and checks."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import UTC, datetime
from time import monotonic
from typing import Any, Protocol

from millrace.client import AsyncClient, document
from millrace.demo import evidence
from millrace.demo import expectations as expect
from millrace.demo.customers import Crowd, Customers
from millrace.demo.declaration import GOLDEN, HELPDESK, PADDED, PARTNER, Declaration
from millrace.demo.expectations import Check, Intake
from millrace.demo.facts import WINDOW, Facts
from millrace.demo.material import Material, Text
from millrace.demo.mess import mixed
from millrace.demo.place import Desk
from millrace.demo.watching import Watcher
from millrace.events import WorkspaceConfigured

AT_ONCE = 100


class Teller(Protocol):
    """Who tells the story to people."""

    def begins(self, title: str) -> None: ...
    def says(self, words: str) -> None: ...
    def checked(self, checks: Sequence[Check]) -> None: ...


@dataclass(frozen=True)
class Outcome:
    """A step as it went; times in seconds, `at_s` from the story's begin."""

    name: str
    at_s: float
    took_s: float
    evidence: dict[str, Any]
    checks: Sequence[Check]


class Over(Exception):
    """Without this step the rest makes no sense."""


@dataclass
class Play:
    """Everything that the steps share. `asking` is the customers' client, which tries a request once."""

    client: AsyncClient
    asking: AsyncClient
    desk: Desk
    watcher: Watcher
    material: Material
    declaration: Declaration
    teller: Teller
    crew: AsyncExitStack
    patience: float = 1.0
    began: float = field(default_factory=monotonic)
    outcomes: list[Outcome] = field(default_factory=list)
    intake: Intake | None = None
    crowd: Crowd | None = None
    errands: set[asyncio.Task[None]] = field(default_factory=set)

    @property
    def facts(self) -> Facts:
        return self.watcher.facts

    async def until(self, holds: Callable[[Facts], bool], within: float) -> bool:
        return await self.watcher.until(holds, within * self.patience)

    async def publish(self, texts: Sequence[Text], *, source: str, suite: str | None = None) -> None:
        """In order: repeats must come after what they repeat."""
        name = self.declaration.name
        for start in range(0, len(texts), AT_ONCE):
            part = texts[start : start + AT_ONCE]
            await self.client.publish(
                *(document(name, text.text, source=source, label=text.label, suite=suite) for text in part)
            )
            self.facts.published += len(part)


async def perform(play: Play, step: "Step") -> None:
    """Play one step and note how it went. Raises Over when the story can't go on."""
    play.teller.begins(step.title)
    at = monotonic()
    checks, told = await step.act(play)
    play.outcomes.append(Outcome(step.name, at - play.began, monotonic() - at, told, checks))
    play.teller.checked(checks)
    if step.needed and not all(check.kept for check in checks):
        raise Over(step.name)


Told = tuple[Sequence[Check], dict[str, Any]]


async def take_in(play: Play) -> Told:
    await play.desk.apply(play.declaration.text())
    stream, expected = mixed(play.material.history, foreign=play.declaration.monolingual)
    play.teller.says(
        f"{expected.published} messages of history hide {expected.exact} exact and {expected.near} near repeats, "
        f"{expected.masked} with personal data, {expected.rejected} of junk"
    )
    await play.publish(play.material.golden, source=GOLDEN, suite="golden")
    await play.publish(stream, source=HELPDESK)
    await play.until(lambda facts: Intake.of(facts).whole, 90)
    play.intake = Intake.of(play.facts)
    golden = len(play.material.golden)
    history = Intake(
        published=play.intake.published - golden,
        accepted=play.intake.accepted - golden,
        kept=play.intake.kept - golden,
        exact=play.intake.exact,
        near=play.intake.near,
        masked=play.intake.masked,
        rejected=play.intake.rejected,
    )
    return expect.clean_intake(history, expected, exactly=not play.material.own), evidence.intake(play.facts, history)


async def first_version(play: Play) -> Told:
    await play.desk.in_corpus(play.declaration.name, play.facts.counts["kept"])
    cycle = await play.desk.train(play.declaration.name, note="the first version")
    await play.until(lambda facts: facts.end(cycle) is not None, 240)
    await play.until(lambda facts: expect.applied(facts, cycle), 60)
    return expect.first_version(play.facts, cycle), evidence.version(play.facts, cycle)


async def stable(play: Play) -> Told:
    play.crowd = Crowd(play.material.traffic, play.material.later)
    customers = Customers(play.asking, play.client, play.crowd, play.facts, play.declaration.name)
    await play.crew.enter_async_context(customers)
    await play.until(
        lambda facts: len(facts.calls) - facts.failed >= expect.STABLE and len(facts.labelled()) >= WINDOW, 60
    )
    return expect.stable(play.facts), {
        "answers": len(play.facts.calls) - play.facts.failed,
        "labels": len(play.facts.labelled()),
        "accuracy": expect.before_shift(play.facts),
    }


async def shift(play: Play) -> Told:
    assert play.crowd is not None
    play.facts.shift = datetime.now(UTC)
    play.crowd.shifted = True
    golden = play.publish(play.material.later_golden, source=GOLDEN, suite="golden")
    errand = asyncio.create_task(golden)
    play.errands.add(errand)
    errand.add_done_callback(play.errands.discard)
    play.teller.says(f"half of what customers write is new: {', '.join(play.material.later_labels)}")
    await play.until(lambda facts: bool(expect.first_alarm(facts) and expect.drift_cycles(facts)), 120)
    return expect.shift_noticed(play.facts), evidence.alarm(play.facts)


async def recovery(play: Play) -> Told:
    opened = expect.drift_cycles(play.facts)
    if not opened:
        return expect.recovered(play.facts, None), {}
    cycle = opened[0].cycle_id
    await play.until(lambda facts: facts.end(cycle) is not None, 300)
    await play.until(lambda facts: len(expect.settled(facts)) >= WINDOW, 60)
    return expect.recovered(play.facts, cycle), evidence.recovery(play.facts, cycle)


async def bad_source(play: Play) -> Told:
    wrong, name = play.material.wrong, play.declaration.name
    play.teller.says(f"{len(wrong)} wrong labels come from {PARTNER}, a source that is trusted")
    await play.publish(wrong, source=PARTNER)
    await play.until(lambda facts: facts.sorted_out[PARTNER] >= len(wrong), 60)
    await play.desk.in_corpus(name, play.facts.counts["kept"] + play.facts.counts["kept from feedback"])
    cycle = await play.desk.train(name, note=f"{PARTNER} is new", methods=("linear-probe",))
    await play.until(lambda facts: facts.end(cycle) is not None, 240)
    revision = await _declare(play, lambda declaration: declaration.retire(PARTNER))
    known = play.facts.of(WorkspaceConfigured, lambda event: event.revision == revision)
    retired = known[0].spec["data"]["retired"] if known else []
    told = {"wrong": len(wrong), "retired": retired, **evidence.version(play.facts, cycle)}
    return expect.bad_source_stopped(play.facts, cycle, retired), told


async def harmful_version(play: Play) -> Told:
    play.teller.says(f"the same weights, declared to pad every text to {PADDED} tokens")
    await _declare(play, lambda declaration: declaration.pad(PADDED))
    cycle = await play.desk.train(play.declaration.name, note="pads", methods=("declare",))
    await play.until(lambda facts: facts.end(cycle) is not None, 240)
    return expect.harm_rolled_back(play.facts, cycle), {
        **evidence.version(play.facts, cycle),
        "latency": evidence.latencies(play.facts, cycle),
    }


async def reckoning(play: Play) -> Told:
    await play.crew.aclose()
    return expect.nothing_failed(play.facts), evidence.reckoning(play.facts)


@dataclass(frozen=True)
class Step:
    name: str
    title: str
    act: Callable[[Play], Awaitable[Told]]
    needed: bool = False


STEPS = (
    Step("intake", "A workspace is declared; its history comes in, as messy as it is", take_in),
    Step("first version", "A first version is trained, judged and served", first_version, needed=True),
    Step("stable", "Ten thousand customers write, fifty messages a second", stable),
    Step("shift", "The world shifts", shift),
    Step("recovery", "Nobody touches anything", recovery),
    Step("bad source", "A trusted source turns bad", bad_source),
    Step("harmful version", "A version that is as right, but harms", harmful_version),
    Step("requests", "Through every switch", reckoning),
)


async def _declare(play: Play, change: Callable[[Declaration], None]) -> int:
    """Apply the changed file and wait until it is on its topic."""
    change(play.declaration)
    revision = await play.desk.apply(play.declaration.text())
    await play.until(lambda facts: bool(facts.of(WorkspaceConfigured, lambda event: event.revision == revision)), 15)
    return revision
