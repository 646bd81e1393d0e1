from dataclasses import replace

from harness import example, record

from millrace.chassis import wire
from millrace.demo.facts import Facts
from millrace.demo.watching import read
from millrace.events import DocumentKept


def test_an_event_is_read_as_any_service_reads_it() -> None:
    [event] = example(DocumentKept, "labelled")
    facts = Facts()
    [known] = read([record(event, partition=0, offset=7)], facts)
    assert known == event
    assert (known.id, known.occurred_at, known.cycle_id) == (event.id, event.occurred_at, event.cycle_id)
    assert not facts.unread


def test_what_cannot_be_read_is_counted_and_hinders_nothing() -> None:
    facts = Facts()
    events = example(DocumentKept, "labelled", times=3)
    broken, referred, whole = (record(event, partition=0, offset=n) for n, event in enumerate(events))
    broken = replace(broken, value=b"{")
    referred = replace(referred, value=b"", headers=[*referred.headers, (wire.DATA_REFERENCE, b"bodies/1")])
    assert [event.id for event in read([broken, referred, whole], facts)] == [events[2].id]
    assert facts.unread.total() == 2
    assert all(why.startswith("document.kept.v1: ") for why in facts.unread)
