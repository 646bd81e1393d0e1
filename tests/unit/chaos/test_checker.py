"""The checker finds each kind of harm in made-up logs and tables, and nothing where all is well."""

import re
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from uuid import UUID

import pytest
from checker import problems
from counts import COUNTS, UNCOUNTED
from harness import make
from kept import Consumed, Tables
from log import FLOW, Log

from millrace.events import (
    DocumentAccepted,
    DocumentDuplicated,
    DocumentKept,
    DocumentSubmitted,
    DriftDetected,
    Event,
    FeedbackGiven,
    FeedbackRecorded,
    ObservationAccepted,
    PredictionServed,
    WorkspaceConfigured,
)

ROOT = Path(__file__).parents[3]


@dataclass
class World:
    """What was sent, and what came of it."""

    sent: list[Event]
    log: Log
    tables: Tables

    def problems(self) -> list[str]:
        return problems(self.sent, self.log, self.tables)

    def event(self, kind: type[Event], number: int) -> Event:
        return list(self.log.topics[kind.topic].events.values())[number]

    def lose(self, event: Event) -> None:
        """Takes an event off its topic."""
        seen = self.log.topics[event.topic]
        del seen.events[event.id], seen.places[event.id]

    def swap(self, kind: type[Event], one: int, other: int) -> None:
        """Two events of a topic change places."""
        seen = self.log.topics[kind.topic]
        ids = list(seen.events)
        first, second = ids[one], ids[other]
        ids[one], ids[other] = second, first
        seen.places[first], seen.places[second] = seen.places[second], seen.places[first]
        seen.events = {id: seen.events[id] for id in ids}


def submitted(number: int) -> DocumentSubmitted:
    return make(DocumentSubmitted, id=UUID(int=number + 1), source="crm", text=f"text {number}")


def accepted(cause: Event) -> DocumentAccepted:
    origin = {"topic": cause.topic, "event_id": str(cause.id)}
    about = {"workspace": cause.workspace, "source": "crm", "text": "t", "trusted": False, "metadata": {}}
    return DocumentAccepted.caused_by(cause, document_id=str(cause.id), origin=origin, **about)


def kept(cause: Event) -> DocumentKept:
    origin = {"topic": cause.topic, "event_id": str(cause.id)}
    about = {"source": "s", "text": "t", "cluster": "c", "split": "train", "trainable": True, "trusted": True}
    return DocumentKept.caused_by(
        cause, workspace=cause.workspace, document_id=str(cause.id), origin=origin, label="late", **about
    )


def repeated(cause: Event) -> DocumentDuplicated:
    about = {"source": "s", "duplicate_of": "d", "kind": "exact", "similarity": 1.0, "cluster": "c"}
    return DocumentDuplicated.caused_by(cause, workspace=cause.workspace, document_id=str(cause.id), **about)


def served(number: int) -> PredictionServed:
    about = {"version": "v1", "arm": "production", "revision": 1, "text": "t", "latency_ms": 5.0, "tokens": 3}
    ids = {"request_id": f"q-{number}", "prediction_id": f"p-{number}"}
    return make(PredictionServed, id=UUID(int=number + 100), lane=0, label="late", probability=0.9, **ids, **about)


def given(number: int) -> FeedbackGiven:
    said = {"kind": "label", "value": "late", "source": "agent", "request_id": f"q-{number}"}
    return make(FeedbackGiven, id=UUID(int=number + 200), **said)


def recorded(cause: Event, number: int) -> FeedbackRecorded:
    said = {"kind": "label", "value": "late", "source": "agent", "trusted": True, "basis": "blind", "correct": True}
    of = {"version": "v1", "arm": "production", "revision": 1, "text": "t", "predicted_at": cause.occurred_at}
    ids = {"feedback_id": str(cause.id), "request_id": f"q-{number}", "prediction_id": f"p-{number}"}
    return FeedbackRecorded.caused_by(cause, workspace="parcels", lane=0, **ids, **said, **of)


def rang(cause: Event) -> DriftDetected:
    told = {"monitor": "confidence", "detector": "adwin", "statistic": 0.2, "before": 0.9, "after": 0.7}
    since = {"change_point": cause.occurred_at, "predictions": 900, "since_change": 90}
    return DriftDetected.caused_by(cause, workspace="parcels", lane=0, version="v1", **told, **since)


@pytest.fixture
def world() -> World:
    """Twelve documents, the last of them repeated, and three labelled answers, of which two rang."""
    documents = [submitted(number) for number in range(12)]
    clean = [accepted(document) for document in documents]
    answers, labels = [served(number) for number in range(3)], [given(number) for number in range(3)]
    truths = [recorded(label, number) for number, label in enumerate(labels)]
    decided = [*map(kept, clean[:-1]), repeated(clean[-1]), *map(kept, truths)]
    log = Log()
    for event in [*documents, *clean, *decided, *answers, *labels, *truths, *map(rang, answers[1:])]:
        seen = log.topics[event.topic]
        seen.take(event, 1, seen.ends.get(1, 0))
    return World([*documents, *answers, *labels], log, tables_of(log))


def tables_of(log: Log) -> Tables:
    """Tables that say what the log says."""
    consumed = {
        (service, topic): Consumed(Counter(list(log.topics[topic].events)), dict(log.topics[topic].ends))
        for service, told in FLOW["services"].items()
        for topic in told["eats"]
    }
    return Tables(consumed=consumed, counts={table: count.told(log) for table, count in COUNTS.items()})


def test_nothing_is_found_where_all_is_well(world: World) -> None:
    assert world.problems() == []


def test_a_record_that_came_again_counts_once(world: World) -> None:
    seen = world.log.topics[DocumentKept.topic]
    for event in [*seen.events.values()][:3]:
        seen.take(event, 1, seen.ends[1])
    world.tables = tables_of(world.log)
    assert world.problems() == []


@pytest.mark.parametrize("kind", [DocumentSubmitted, PredictionServed, FeedbackGiven])
def test_a_record_that_was_sent_and_is_not_on_its_topic_is_lost(world: World, kind: type[Event]) -> None:
    event = world.event(kind, 1)
    world.lose(event)
    world.tables = tables_of(world.log)
    assert any(
        re.match(rf"{kind.topic}: 1 of \d+ sent are not on it, e.g. {event.id}", one) for one in world.problems()
    )


def test_a_record_that_nobody_sent_is_found(world: World) -> None:
    del world.sent[-1]
    assert world.problems() == [f"feedback.given.v1: 1 on it were never sent, e.g. {given(2).id}"]


@pytest.mark.parametrize("kind", [DocumentSubmitted, PredictionServed, FeedbackGiven])
def test_what_was_sent_stands_in_the_order_of_sending(world: World, kind: type[Event]) -> None:
    world.swap(kind, 0, 1)
    assert f"{kind.topic}: not in the order of sending" in world.problems()


def test_a_feedback_that_was_never_recorded_is_lost(world: World) -> None:
    world.lose(world.event(FeedbackRecorded, 1))
    world.tables = tables_of(world.log)
    assert "feedback.given.v1: 1 of 3 had no effect on feedback.recorded.v1" in world.problems()


def test_a_feedback_that_was_recorded_twice_is_found(world: World) -> None:
    again = recorded(given(1), 1)
    seen = world.log.topics[again.topic]
    seen.take(again.within(again.envelope._replace(id=UUID(int=999))), 1, seen.ends[1])
    world.tables = tables_of(world.log)
    assert f"feedback.given.v1: 1 had more than one effect, e.g. {given(1).id}" in world.problems()


def test_a_label_that_became_no_document_is_lost(world: World) -> None:
    world.lose(world.event(DocumentKept, -1))
    world.tables = tables_of(world.log)
    lost = "feedback.recorded.v1: 1 of 3 had no effect on document.kept.v1 or document.duplicated.v1"
    assert lost in world.problems()


@pytest.mark.parametrize("kind", [DocumentAccepted, DocumentKept, FeedbackRecorded, DriftDetected])
def test_effects_come_in_the_order_of_their_causes_on_every_topic(world: World, kind: type[Event]) -> None:
    overtaken, overtaking = world.event(kind, 0), world.event(kind, 1)
    world.swap(kind, 0, 1)
    assert f"{kind.topic}: key {overtaken.key}: {overtaken.id} overtook {overtaking.id}" in world.problems()


def test_order_is_per_key(world: World) -> None:
    elsewhere = make(DocumentSubmitted, workspace="letters", source="crm", text="t")
    world.sent.insert(0, elsewhere)
    seen = world.log.topics[elsewhere.topic]
    seen.take(elsewhere, 1, seen.ends[1])
    seen = world.log.topics[DocumentAccepted.topic]
    clean = accepted(elsewhere)
    seen.take(clean, 1, seen.ends[1])
    seen = world.log.topics[DocumentKept.topic]
    seen.take(kept(clean), 1, seen.ends[1])
    world.tables = tables_of(world.log)
    assert world.problems() == []


def untaken(taken: Consumed) -> None:
    del taken.ids[UUID(int=1)]


def twice(taken: Consumed) -> None:
    taken.ids[UUID(int=1)] += 1


def strange(taken: Consumed) -> None:
    taken.ids[UUID(int=999)] += 1


def short(taken: Consumed) -> None:
    taken.reached[1] -= 1


@pytest.mark.parametrize(
    ("harm", "said"),
    [
        (untaken, "ingestion: 1 of 12 of document.submitted.v1 never taken"),
        (twice, "ingestion: took 1 of document.submitted.v1 more than once"),
        (strange, "ingestion: took 1 that are not on document.submitted.v1"),
        (short, "ingestion: partition 1 of document.submitted.v1 read to 11 of 12"),
    ],
)
def test_each_event_is_taken_once_and_to_the_end(world: World, harm: Callable[[Consumed], None], said: str) -> None:
    harm(world.tables.consumed["ingestion", DocumentSubmitted.topic])
    [found] = world.problems()
    assert found.startswith(said)


def test_what_waits_to_be_published_and_what_was_refused_is_found(world: World) -> None:
    world.tables.outboxes["dedup"] = 3
    world.tables.dead_letters.append("drift: a dead letter of on_prediction_served: ill")
    assert world.problems() == ["dedup: 3 events still in its outbox", *world.tables.dead_letters]


@pytest.mark.parametrize("table", COUNTS)
def test_a_table_that_counted_one_too_many_is_found(world: World, table: str) -> None:
    told = world.tables.counts[table]
    what = next(iter(told), ("parcels",))
    told[what] += 1
    said = f"{table}: {' '.join(what)}: the table says {told[what]}, the log {told[what] - 1}"
    assert said in world.problems()


def test_windows_of_slowness_that_are_let_go_do_not_count() -> None:
    log = Log()
    for number in range(1730):
        log.topics[PredictionServed.topic].take(served(number), 0, number)
    assert COUNTS["evaluation.slowness"].told(log) == {("parcels", "v1"): 1530}


def test_what_is_observed_counts_where_somebody_looks_at_it() -> None:
    log, about = Log(), {"lane": 0, "source": "m", "entity": "a"}
    spec = {"features": {"load": {"last": "load"}}}
    log.topics[WorkspaceConfigured.topic].take(
        make(WorkspaceConfigured, workspace="meters", revision=1, spec=spec, digest="d", by="t"), 0, 0
    )
    for number, workspace in enumerate(["meters", "meters", "parcels"]):
        event = make(ObservationAccepted, workspace=workspace, values={"load": 1.0, "state": None}, **about)
        log.topics[ObservationAccepted.topic].take(event, 0, number)
    assert COUNTS["serving.observed"].told(log) == {("meters", "load"): 2}
    assert COUNTS["datasets.observed"].told(log) == {("meters",): 2}
    assert COUNTS["datasets.entities"].told(log) == {("meters",): 1}


def test_every_table_of_every_service_is_counted_or_said_not_to_count() -> None:
    made, dropped = (
        {
            f"{path.parts[-3]}.{table}"
            for path in ROOT.glob("services/*/migrations/*.sql")
            for table in re.findall(rf"^{what} TABLE (\w+)", path.read_text(), re.MULTILINE)
        }
        for what in ("CREATE", "DROP")
    )
    there = made - dropped
    assert there == {*COUNTS} | {*UNCOUNTED}
    assert not {*COUNTS} & {*UNCOUNTED}
