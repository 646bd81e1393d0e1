"""One trace and one cycle id go unbroken from a document's intake to the promotion that it leads to.

Through HTTP, outboxes, Kafka's headers, jobs, and ten processes, each of which exports its own spans.
"""

import pytest
from collector import Collector, Span
from story import FIRST, PRODUCT, SECOND, Story
from whole import until

LEARNED = [
    "retraining.requested",
    "dataset.released",
    "training.started",
    "model.trained",
    "model.registered",
    "evaluation.requested",
    "model.evaluated",
    "model.staged",
    "workspace.routed",
    "route.applied",
]
TRACED = {
    "emit document.accepted": "ingestion",
    "emit document.kept": "dedup",
    "emit dataset.grown": "datasets",
    "emit retraining.requested": "training",
    "job cut": "datasets",
    "emit dataset.released": "datasets",
    "job plan": "training",
    "job run": "training",
    "job pick": "training",
    "emit model.trained": "training",
    "job inspect": "registry",
    "emit evaluation.requested": "registry",
    "job evaluate": "evaluation",
    "emit model.evaluated": "evaluation",
    "emit workspace.routed": "registry",
    "emit route.applied": "serving",
    "emit model.staged": "registry",
}


@pytest.mark.timeout(600)
@pytest.mark.parametrize(("trace", "number"), [(FIRST, 1), (SECOND, 2)])
def test_a_products_trace_is_on_every_record_up_to_the_promotion(story: Story, trace: str, number: int) -> None:
    mine = story.in_trace(trace)
    topics = [record.topic for record in mine]
    rollout = ["rollout.judged"] if number == 2 else []
    assert set(topics) >= {"document.accepted", "document.kept", "dataset.grown", *LEARNED, *rollout}
    promoted = [record.body for record in mine if record.topic == "model.staged"][-1]
    assert (promoted["version"], promoted["stage"]) == (f"story-{number}", "production")
    cycle = next(record.headers["ce_cycleid"] for record in mine if record.topic == "retraining.requested")
    others = [record for record in story.in_cycle(cycle) if record.trace != trace]
    strays = [record.body for record in others if record.topic != "ledger.appended"]  # each with its entry
    assert [stray.get("stage") for stray in strays] in ([], ["superseded"]), "a later cycle's promotion ends this one's"


@pytest.mark.timeout(600)
@pytest.mark.parametrize("trace", [FIRST, SECOND])
def test_the_spans_of_all_processes_are_one_tree_below_the_products(
    story: Story, collector: Collector, trace: str
) -> None:
    def torn() -> list[Span]:
        spans = collector.of(trace)
        known = {span.id for span in spans} | {PRODUCT}
        return [span for span in spans if span.parent not in known]

    def names() -> dict[str, str]:
        return {span.name.removesuffix(".v1"): span.service for span in collector.of(trace)}

    until(lambda: names().items() >= TRACED.items() and not torn(), within=30)  # exporters send every few seconds
    assert {span.service for span in collector.of(trace)} >= set(TRACED.values())


@pytest.mark.timeout(600)
def test_one_cycle_id_is_on_every_event_of_a_cycle_and_on_its_spans(story: Story, collector: Collector) -> None:
    second, first = (cycle["id"] for cycle in story.cycles)
    for cycle, topics in ((first, {*LEARNED}), (second, {*LEARNED, "rollout.judged"})):
        records = story.in_cycle(cycle)
        assert {record.topic for record in records} >= topics
        assert all(record.headers["ce_causeid"] for record in records)
    assert told(collector, FIRST, {first})
    assert told(collector, SECOND, {second, first}), "the second's promotion supersedes the first"
    outside = [record for record in story.records if record.topic in LEARNED and "ce_cycleid" not in record.headers]
    assert sorted(record.topic for record in outside) == ["route.applied", "workspace.routed"], "the declaration's own"


def told(collector: Collector, trace: str, cycles: set[str]) -> bool:
    """Waits until the cycles that the spans of a trace name are these."""

    def named() -> set[str]:
        return {
            span.attributes["millrace.cycle"] for span in collector.of(trace) if "millrace.cycle" in span.attributes
        }

    return bool(until(lambda: named() == cycles, within=30))
