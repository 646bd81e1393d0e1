"""What datasets counts of its own."""

from prometheus_client import Counter, Histogram

ERASED = Counter("millrace_datasets_erased_rows_total", "Rows taken out of every file", ["because"])
PROFILING = Histogram(
    "millrace_datasets_profile_seconds",
    "Time to make a profile, its files fetched and put",
    buckets=(0.5, 1, 2, 5, 10, 20, 40, 80, 160, 320, 640),
)
