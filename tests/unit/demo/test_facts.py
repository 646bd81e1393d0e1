from datetime import UTC, datetime, timedelta
from uuid import UUID, uuid4

from millrace.demo.facts import Call, Facts, accuracy, sliding
from millrace.events import DocumentAccepted, DocumentKept, DocumentRejected, DriftDetected, Envelope, Event

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def put(event: Event, *, id: UUID | None = None, cycle: UUID | None = None, at: datetime = NOW) -> Event:
    return event.within(Envelope(id or uuid4(), "test", at, at, cycle_id=cycle))


def origin(topic: str = "document.submitted.v1") -> dict[str, str]:
    return {"topic": topic, "event_id": "e"}


def accepted(masked: dict[str, int] | None = None, topic: str = "document.submitted.v1") -> Event:
    fields = {"workspace": "w", "document_id": "d", "source": "s", "text": "t", "trusted": True, "metadata": {}}
    return put(DocumentAccepted.model_validate({**fields, "origin": origin(topic), "masked": masked or {}}))


def test_an_event_that_a_relay_published_twice_counts_once() -> None:
    facts, event = Facts(), accepted({"email": 2})
    facts.add(event)
    facts.add(event)
    assert facts.counts["accepted"] == facts.counts["masked"] == 1
    assert facts.masks == {"email": 2}


def test_what_products_submitted_is_told_from_what_came_back_as_feedback() -> None:
    facts = Facts()
    fields = {"workspace": "w", "source": "s", "text": "t", "cluster": "c", "split": "train"}
    kept = {**fields, "trainable": True, "trusted": True, "origin": origin()}
    facts.add(put(DocumentKept.model_validate({**kept, "document_id": "1"})))
    facts.add(put(DocumentKept.model_validate({**kept, "document_id": "2", "feedback_id": "f"})))
    assert (facts.counts["kept"], facts.counts["kept from feedback"]) == (1, 1)


def test_the_first_reason_of_a_refusal_is_counted() -> None:
    facts = Facts()
    reasons = [{"code": code, "field": "text", "expected": "x"} for code in ("too_short", "no_words")]
    fields = {"workspace": "w", "document_id": "d", "source": "s", "origin": origin(), "reasons": reasons}
    facts.add(put(DocumentRejected.model_validate(fields)))
    assert facts.reasons == {"too_short": 1}


def test_events_are_found_by_kind_and_cycle() -> None:
    facts, cycle = Facts(), uuid4()
    fields = {
        "workspace": "w",
        "lane": 0,
        "version": "w-1",
        "monitor": "error",
        "detector": "adwin",
        "statistic": 1.0,
        "before": 0.1,
        "after": 0.4,
        "change_point": NOW,
        "predictions": 900,
        "since_change": 120,
    }
    facts.add(put(DriftDetected.model_validate(fields), cycle=cycle))
    assert len(facts.cycle(DriftDetected, cycle)) == 1
    assert facts.cycle(DriftDetected, uuid4()) == facts.cycle(DriftDetected, None) == []
    assert facts.first(DriftDetected, lambda event: event.monitor == "novelty") is None


def test_accuracy_is_over_labelled_calls_only() -> None:
    calls = [Call(NOW, "v", right=right) for right in (True, None, False, True, None)]
    assert accuracy(calls) == 2 / 3
    assert accuracy([Call(NOW, "v")]) is None


def test_a_sliding_accuracy_moves_label_by_label() -> None:
    calls = [Call(NOW + timedelta(seconds=n), "v", right=n >= 3) for n in range(6)]
    assert sliding(calls, window=3) == [0.0, 1 / 3, 2 / 3, 1.0]
    assert sliding(calls, window=7) == []
