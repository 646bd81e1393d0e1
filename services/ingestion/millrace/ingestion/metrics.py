"""What ingestion counts for Prometheus."""

from prometheus_client import Counter

RECORDS = Counter("millrace_ingestion_records_total", "Records by topic and outcome", ["topic", "outcome"])
REASONS = Counter("millrace_ingestion_reasons_total", "Why records were rejected", ["reason"])
QUARANTINE = Counter("millrace_ingestion_quarantine_total", "Decisions on rejected records", ["end"])
MASKED = Counter("millrace_ingestion_masked_total", "Personal data replaced by tags", ["kind"])
FETCHED = Counter(
    "millrace_ingestion_fetched_total", "Documents that sources were found to have, by outcome", ["outcome"]
)
RUNS = Counter("millrace_ingestion_runs_total", "Runs of sources by kind and how they ended", ["kind", "state"])
