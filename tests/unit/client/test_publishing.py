import asyncio
import threading
from time import monotonic

import pytest

from millrace.client import Event, Gatherer, Publisher, Receipt, Refused, Undelivered, Unreachable

NO = Refused(422, "invalid", "no", {})


def event(n: int) -> Event:
    return Event("document.submitted.v1", {"n": n}, id=str(n))


class Sink:
    def __init__(self, *faults: Exception) -> None:
        self.faults = list(faults)
        self.batches: list[list[str]] = []
        self.came = threading.Event()

    def __call__(self, *events: Event) -> None:
        if self.faults:
            raise self.faults.pop(0)
        self.batches.append([event.id for event in events])
        self.came.set()

    async def later(self, *events: Event) -> None:
        self(*events)


def test_a_full_batch_goes_out_before_its_time() -> None:
    sink = Sink()
    with Publisher(sink, size=3, within=60.0) as out:
        for n in range(3):
            out.add(event(n))
        assert sink.came.wait(5)
    assert sink.batches == [["0", "1", "2"]]


def test_a_lone_event_goes_out_in_time() -> None:
    sink = Sink()
    with Publisher(sink, size=100, within=0.02) as out:
        started = monotonic()
        out.add(event(1))
        assert sink.came.wait(5)
        assert monotonic() - started < 2
    assert sink.batches == [["1"]]


def test_closing_sends_what_waits_in_order() -> None:
    sink = Sink()
    with Publisher(sink, size=2, within=60.0) as out:
        for n in range(5):
            out.add(event(n))
    assert [id for batch in sink.batches for id in batch] == list("01234")
    assert max(len(batch) for batch in sink.batches) <= 2


def test_an_outage_keeps_events_and_their_order() -> None:
    sink = Sink(Unreachable("http://in", 6, "503"), Unreachable("http://in", 6, "503"))
    with Publisher(sink, size=2, within=0.01) as out:
        for n in range(4):
            out.add(event(n))
        assert sink.came.wait(5)
    assert [id for batch in sink.batches for id in batch] == list("0123")


def test_a_refusal_names_what_was_not_delivered() -> None:
    with pytest.raises(Undelivered) as caught, Publisher(Sink(NO), size=10, within=60.0) as out:
        out.add(event(1))
        out.add(event(2))
    assert caught.value.ids == ["1", "2"]
    assert caught.value.because is NO


def test_what_json_has_no_words_for_is_told_where_it_is_added_and_hinders_no_other() -> None:
    sink = Sink()
    with Publisher(sink, size=2, within=60.0) as out:
        out.add(event(1))
        with pytest.raises(ValueError, match="event 2 can't be written"):
            out.add(Event("document.submitted.v1", {"n": float("nan")}, id="2"))
        out.add(event(3))
    assert sink.batches == [["1", "3"]]


def test_receipts_of_refused_events_are_kept() -> None:
    def picky(*events: Event) -> list[Receipt]:
        return [Receipt(event.id, "rejected" if event.id == "1" else "accepted") for event in events]

    with Publisher(picky, size=2, within=60.0) as out:
        for n in range(3):
            out.add(event(n))
    assert [receipt.id for receipt in out.refused] == ["1"]


def test_a_full_queue_makes_the_caller_wait() -> None:
    gate, sink = threading.Event(), Sink()

    def slow(*events: Event) -> None:
        gate.wait(5)
        sink(*events)

    out = Publisher(slow, size=1, within=0.0, most=2)
    adding = threading.Thread(target=lambda: [out.add(event(n)) for n in range(4)])
    adding.start()
    adding.join(0.1)
    assert adding.is_alive()
    gate.set()
    adding.join(5)
    out.close()
    assert [id for batch in sink.batches for id in batch] == list("0123")


async def test_on_an_event_loop_batches_go_out_by_size_time_and_end() -> None:
    sink = Sink()
    async with Gatherer(sink.later, size=2, within=0.02) as out:
        for n in range(3):
            await out.add(event(n))
        await asyncio.sleep(0.1)
        assert sink.batches == [["0", "1"], ["2"]]
        await out.add(event(3))
    assert sink.batches[-1] == ["3"]


async def test_on_an_event_loop_a_refusal_names_what_was_not_delivered() -> None:
    with pytest.raises(Undelivered) as caught:
        async with Gatherer(Sink(NO).later, size=10, within=60.0) as out:
            await out.add(event(1))
    assert caught.value.ids == ["1"]
