"""Traces out by OpenTelemetry, metrics in by Prometheus, logs as JSON lines on stderr.

Every metric and attribute named here is described in contracts/telemetry.yaml.
"""

import logging
import sys
from collections.abc import Iterator
from contextlib import contextmanager

import structlog
from opentelemetry import trace
from opentelemetry.exporter.otlp.proto.http.trace_exporter import OTLPSpanExporter
from opentelemetry.sdk.resources import Resource
from opentelemetry.sdk.trace import TracerProvider
from opentelemetry.sdk.trace.export import BatchSpanProcessor
from opentelemetry.sdk.trace.sampling import ParentBasedTraceIdRatio
from opentelemetry.trace import NonRecordingSpan, SpanContext, TraceFlags
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator
from prometheus_client import Counter, Gauge, Histogram

from millrace.chassis.settings import Settings

EVENTS = Counter("millrace_events_total", "Events taken up by a handler, each id once", ["handler"])
REPEATED = Counter("millrace_events_repeated_total", "Records that were known already", ["handler"])
EMITTED = Counter("millrace_events_emitted_total", "Events committed to the outbox", ["topic"])
PUBLISHED = Counter("millrace_events_published_total", "Events the relay has published")
DEAD_LETTERS = Counter("millrace_dead_letters_total", "Events that can't be understood", ["handler"])
RETRIES = Counter("millrace_handler_retries_total", "Batches tried again since something was unavailable", ["handler"])
BUGS = Counter("millrace_handler_bugs_total", "Batches tried again after an error nobody foresaw", ["handler"])
BATCH_SECONDS = Histogram("millrace_batch_seconds", "From a batch's arrival to its commit", ["handler"])
LAG = Gauge("millrace_lag_events", "Events of the handler's partitions not yet committed", ["handler"])
GONE = Counter("millrace_events_gone_total", "Records whose body was removed, by erasure or retention", ["handler"])
BODIES_REMOVED = Counter("millrace_bodies_removed_total", "Bodies removed from S3, by erasure or retention")
OUTBOX = Gauge("millrace_outbox_events", "Events that wait for the relay")
JOBS = Counter("millrace_jobs_total", "Claims of jobs by how they ended", ["kind", "end"])

SAMPLED = frozenset("13579bdf")

_propagator = TraceContextTextMapPropagator()


def start(settings: Settings) -> TracerProvider:
    """Sets logging up and gives the service's tracer provider. Spans are recorded only where an endpoint is set."""
    level = logging.getLevelNamesMapping()[settings.log_level.upper()]
    structlog.configure(
        processors=[
            structlog.contextvars.merge_contextvars,
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso"),
            structlog.processors.format_exc_info,
            structlog.processors.JSONRenderer(),
        ],
        wrapper_class=structlog.make_filtering_bound_logger(level),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
        cache_logger_on_first_use=False,
    )
    logging.basicConfig(
        level=logging.WARNING, format='{"logger":"%(name)s","level":"%(levelname)s","event":"%(message)s"}'
    )
    provider = TracerProvider(
        resource=Resource.create({"service.name": settings.name}),
        sampler=ParentBasedTraceIdRatio(settings.trace_share if settings.otlp else 0.0),
    )
    if settings.otlp:
        provider.add_span_processor(BatchSpanProcessor(OTLPSpanExporter(f"{settings.otlp.rstrip('/')}/v1/traces")))
    return provider


def parent(traceparent: str | None) -> trace.Span | None:
    """The remote span that a traceparent header names, None where there is none or it can't be read."""
    if not traceparent:
        return None
    span = trace.get_current_span(_propagator.extract({"traceparent": traceparent}))
    return span if span.get_span_context().is_valid else None


def traceparent_of(span: trace.Span) -> str | None:
    """The header that carries on from a span."""
    context = span.get_span_context()
    if not context.is_valid:
        return None
    return f"00-{context.trace_id:032x}-{context.span_id:016x}-{context.trace_flags:02x}"


@contextmanager
def span(tracer: trace.Tracer, name: str, traceparent: str | None, **attributes: str | int) -> Iterator[trace.Span]:
    """A span below `traceparent`, or a new root. Costs next to nothing where the parent is not sampled.

    Whoever began a trace has decided whether it is sampled: what follows in the block carries on with that.
    """
    above = parent(traceparent)
    if above is not None and not above.get_span_context().trace_flags & TraceFlags.SAMPLED:
        with trace.use_span(NonRecordingSpan(above.get_span_context())) as current:
            yield current
        return
    context = trace.set_span_in_context(above) if above else None
    with tracer.start_as_current_span(
        name, context=context, attributes=attributes, record_exception=False, set_status_on_exception=False
    ) as current:
        try:
            yield current
        except Exception as error:
            current.set_status(trace.StatusCode.ERROR, type(error).__name__)  # what it says may name a person
            raise


def sampled(traceparent: str | None) -> bool:
    """By the lowest bit of the flags: the next says that the trace's id is random, as those that begin here are."""
    return traceparent is not None and traceparent[-1:] in SAMPLED


__all__ = ["SpanContext", "parent", "sampled", "span", "start", "traceparent_of"]
