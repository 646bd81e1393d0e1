"""Says what was lost, counted twice or put out of order, from what was sent, every topic and every service's tables."""

from collections import Counter, defaultdict
from collections.abc import Iterator, Sequence
from uuid import UUID

from counts import COUNTS
from kept import Consumed, Tables
from log import Log

from millrace.events import Event

CONSEQUENCES = [
    (["document.submitted.v1", "interaction.logged.v1"], ["document.accepted.v1", "document.rejected.v1"]),
    (["observation.submitted.v1"], ["observation.accepted.v1", "observation.rejected.v1"]),
    (["document.accepted.v1"], ["document.kept.v1", "document.duplicated.v1"]),
    (["feedback.given.v1"], ["feedback.recorded.v1"]),
    (["feedback.recorded.v1"], ["document.kept.v1", "document.duplicated.v1"]),
]
"""Each cause has exactly one distinct effect: each feedback of the stream is a label, of a request answered once."""


def problems(sent: Sequence[Event], log: Log, tables: Tables) -> list[str]:
    """Everything that is not as it was promised; empty where all is well."""
    return [
        *_arrived(sent, log),
        *(f"{service}: {left} events still in its outbox" for service, left in tables.outboxes.items() if left),
        *tables.dead_letters,
        *(
            problem
            for (service, topic), taken in tables.consumed.items()
            for problem in _taken(log, service, topic, taken)
        ),
        *_counted(log, tables),
        *_followed(log),
        *_ordered(log),
    ]


def _arrived(sent: Sequence[Event], log: Log) -> Iterator[str]:
    """What was sent is on its topic, in the order of sending per key, and nothing else is."""
    by_topic: defaultdict[str, dict[UUID, Event]] = defaultdict(dict)
    for event in sent:
        by_topic[event.topic][event.id] = event
    for topic, mine in sorted(by_topic.items()):
        there = log.topics[topic].events
        if lost := [id for id in mine if id not in there]:
            yield f"{topic}: {len(lost)} of {len(mine)} sent are not on it, e.g. {lost[0]}"
        if strange := [id for id in there if id not in mine]:
            yield f"{topic}: {len(strange)} on it were never sent, e.g. {strange[0]}"
        if _by_key(there, mine) != _by_key(mine, there):
            yield f"{topic}: not in the order of sending"


def _by_key(events: dict[UUID, Event], known: dict[UUID, Event]) -> dict[str, list[UUID]]:
    """The ids by key, of those events that are known on the other side too."""
    found: defaultdict[str, list[UUID]] = defaultdict(list)
    for id, event in events.items():
        if id in known:
            found[event.key].append(id)
    return found


def _taken(log: Log, service: str, topic: str, taken: Consumed) -> Iterator[str]:
    """Each event of a topic was taken by its eater, once, and the position is at the end of the data."""
    seen = log.topics[topic]
    if lost := [id for id in seen.events if id not in taken.ids]:
        yield f"{service}: {len(lost)} of {len(seen.events)} of {topic} never taken, e.g. {lost[0]}"
    if strange := [id for id in taken.ids if id not in seen.events]:
        yield f"{service}: took {len(strange)} that are not on {topic}, e.g. {strange[0]}"
    if twice := [id for id, number in taken.ids.items() if number > 1]:
        yield f"{service}: took {len(twice)} of {topic} more than once, e.g. {twice[0]}"
    for partition, end in seen.ends.items():
        if taken.reached.get(partition) != end:
            yield f"{service}: partition {partition} of {topic} read to {taken.reached.get(partition)} of {end}"


def _counted(log: Log, tables: Tables) -> Iterator[str]:
    for table, count in COUNTS.items():
        kept, told = tables.counts[table], count.told(log)
        for what in sorted(what for what in {*kept, *told} if kept[what] != told[what]):
            yield f"{table}: {' '.join(what)}: the table says {kept[what]}, the log {told[what]}"


def _followed(log: Log) -> Iterator[str]:
    for causes, effects in CONSEQUENCES:
        causing = {id for topic in causes for id in log.topics[topic].events}
        counted = Counter(
            event.envelope.cause_id
            for topic in effects
            for event in log.topics[topic].events.values()
            if event.envelope.cause_id in causing
        )
        if lost := len(causing) - len(counted):
            yield f"{' and '.join(causes)}: {lost} of {len(causing)} had no effect on {' or '.join(effects)}"
        if twice := [id for id, number in counted.items() if number > 1]:
            yield f"{' and '.join(causes)}: {len(twice)} had more than one effect, e.g. {twice[0]}"


def _ordered(log: Log) -> Iterator[str]:
    """What follows from the events of one partition comes in their order, per key, on every topic.

    A feedback is recorded when it and its prediction have come; the stream's come in the same order.
    """
    stood = {id: (topic, *place) for topic, seen in log.topics.items() for id, place in seen.places.items()}
    for topic, seen in log.topics.items():
        last: dict[tuple[str, str, int], tuple[int, UUID]] = {}
        for event in seen.events.values():
            cause = event.envelope.cause_id
            if cause is None or cause not in stood:
                continue
            source, partition, offset = stood[cause]
            before = last.get((event.key, source, partition))
            if before and before[0] > offset:
                yield f"{topic}: key {event.key}: {event.id} overtook {before[1]}"
                break
            last[event.key, source, partition] = (offset, event.id)
