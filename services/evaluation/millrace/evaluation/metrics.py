"""What evaluation counts."""

from prometheus_client import Counter, Histogram

EVALUATIONS = Counter("millrace_evaluation_judged_total", "Evaluations at the gate by verdict", ["verdict"])
ROLLOUTS = Counter("millrace_evaluation_rollouts_total", "Steps of rollouts by verdict", ["step", "verdict"])
SUITES = Counter("millrace_evaluation_suites_total", "Versions of suites that were brought, by kind", ["kind"])
SCORING_SECONDS = Histogram(
    "millrace_evaluation_scoring_seconds",
    "Time of a scoring process, imports included",
    buckets=(2, 5, 10, 20, 30, 60, 120, 300, 600, 1800),
)
