"""What spans tell: never who it was."""

from collections.abc import Iterator
from dataclasses import replace

import pytest
from harness import Running, make, record
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import SimpleSpanProcessor
from opentelemetry.sdk.trace.export.in_memory_span_exporter import InMemorySpanExporter

from millrace.events import DocumentSubmitted

PERSON = "anna.4711"


@pytest.fixture
def spans(probe: Running) -> Iterator[InMemorySpanExporter]:
    exporter = InMemorySpanExporter()
    provider = TracerProvider()
    provider.add_span_processor(SimpleSpanProcessor(exporter))
    probe.db.tracer = provider.get_tracer("test")
    yield exporter
    provider.shutdown()


async def test_no_span_names_a_persons_id_or_a_records_key(probe: Running, spans: InMemorySpanExporter) -> None:
    for offset, text in enumerate(("hello", "job", "poison")):
        sent = make(DocumentSubmitted, source="crm", text=text, subject=PERSON)
        await probe.deliver_records([replace(record(sent, partition=0, offset=offset), key=PERSON.encode())])
    await probe.work()
    async with probe.http() as client:
        await client.get(f"/v1/jobs?state={PERSON}")
        await client.get(f"/v1/dead-letters/{PERSON}")
        await client.get(f"/v1/people/{PERSON}?subject={PERSON}")
    names = {span.name for span in spans.get_finished_spans()}
    assert {
        "process document.submitted.v1",
        "emit document.accepted.v1",
        "job count",
        "GET /v1/jobs",
        "GET /v1/dead-letters/{letter}",
        "GET",
    } <= names
    assert not [span.name for span in spans.get_finished_spans() if PERSON in span.to_json()]
