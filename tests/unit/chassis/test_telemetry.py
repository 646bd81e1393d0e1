"""A trace goes on as whoever began it decided."""

from datetime import UTC, datetime

import pytest
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from millrace.chassis import command, telemetry, traceparent

TRACE = "4bf92f3577b34da6a3ce929d0e0e4736"
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


@pytest.fixture
def exporter() -> InMemorySpanExporter:
    return InMemorySpanExporter()


@pytest.fixture
def provider(exporter: InMemorySpanExporter) -> TracerProvider:
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    return provider


def test_what_a_call_causes_is_below_the_callers_span(provider: TracerProvider, exporter: InMemorySpanExporter) -> None:
    with telemetry.span(provider.get_tracer("t"), "POST /", f"00-{TRACE}-00f067aa0ba902b7-01"):
        caused = command(now=NOW).traceparent
    (span,) = exporter.get_finished_spans()
    assert span.parent is not None and f"{span.parent.span_id:016x}" == "00f067aa0ba902b7"
    assert caused == f"00-{TRACE}-{span.context.span_id:016x}-01"


def test_what_a_caller_does_not_sample_stays_in_its_trace_unrecorded(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    given = f"00-{TRACE}-00f067aa0ba902b7-00"
    with telemetry.span(provider.get_tracer("t"), "POST /", given):
        assert command(now=NOW).traceparent == given
    assert traceparent() is None, "and only there"
    assert not exporter.get_finished_spans()


def test_a_traceparent_that_can_not_be_read_begins_a_trace(
    provider: TracerProvider, exporter: InMemorySpanExporter
) -> None:
    with telemetry.span(provider.get_tracer("t"), "POST /", "00-nonsense"):
        assert traceparent() is not None
    assert exporter.get_finished_spans()[0].parent is None


@pytest.mark.parametrize(("flags", "is_sampled"), [("01", True), ("03", True), ("00", False), ("02", False)])
def test_a_trace_is_sampled_by_one_bit_of_its_flags(flags: str, is_sampled: bool) -> None:
    assert telemetry.sampled(f"00-{TRACE}-00f067aa0ba902b7-{flags}") is is_sampled


def test_a_trace_that_begins_here_is_sampled_for_who_carries_on(provider: TracerProvider) -> None:
    with telemetry.span(provider.get_tracer("t"), "POST /", None):
        assert telemetry.sampled(traceparent())
