"""What this service counts; each is described in its README."""

from prometheus_client import Counter, Gauge, Histogram

ANSWERS = Counter("millrace_serving_answers_total", "Answers by how they ended", ["workspace", "arm", "end"])
LATENCY = Histogram(
    "millrace_serving_latency_seconds",
    "From acceptance to answer, before the commit",
    ["workspace", "arm"],
    buckets=(0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5, 10),
)
BATCH = Histogram("millrace_serving_batch_texts", "Texts in one batch", ["arm"], buckets=(1, 2, 4, 8, 16, 32, 64))
WAITING = Gauge("millrace_serving_waiting_texts", "Texts waiting for an arm", ["arm"])
SHADOW_DROPPED = Counter("millrace_serving_shadow_dropped_total", "Texts that shadow did not get to", ["workspace"])
UNRECORDED = Counter("millrace_serving_unrecorded_total", "Best-effort predictions lost", ["workspace"])
REVISION = Gauge("millrace_serving_revision", "The route's revision that this replica answers by", ["workspace"])
SWITCHES = Counter("millrace_serving_switches_total", "Routes applied by this replica", ["workspace", "end"])
OBSERVED = Counter("millrace_serving_observed_values_total", "Values of observations held for features", ["workspace"])
VECTOR = Histogram(
    "millrace_serving_features_seconds",
    "From what is held of an entity to its features",
    buckets=(0.0005, 0.001, 0.002, 0.005, 0.01, 0.05, 0.25, 1),
)
LOADED = Gauge("millrace_serving_loaded_versions", "Versions in memory")
SEARCHES = Counter("millrace_serving_searches_total", "Searches answered", ["workspace", "mode"])
SEARCH_SECONDS = Histogram(
    "millrace_serving_search_seconds",
    "Time of a search: its query's vector, then the index",
    ["part"],
    buckets=(0.002, 0.005, 0.01, 0.02, 0.035, 0.05, 0.075, 0.1, 0.15, 0.25, 0.5, 1, 2.5),
)
INDEXED = Counter("millrace_serving_indexed_total", "Revisions of documents made findable", ["workspace", "corpus"])
INDEX_LAG = Histogram(
    "millrace_serving_index_lag_seconds",
    "From when a document was known to when it was found",
    [],
    buckets=(0.5, 1, 2, 3, 5, 10, 30, 60, 300, 3600),
)
