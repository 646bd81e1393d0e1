"""What training counts."""

from prometheus_client import Counter, Gauge

CYCLES = Counter("millrace_training_cycles_total", "Cycles closed", ["because", "outcome"])
ALERTS = Counter("millrace_training_alerts_total", "Times that a person is needed", ["kind"])
RUNS = Counter("millrace_training_runs_total", "Runs that ended", ["method", "end"])
SPENT = Counter("millrace_training_spent_seconds_total", "Seconds that runs took", ["workspace"])
CHECKPOINTS = Counter("millrace_training_checkpoints_total", "Checkpoints of runs by what became of them", ["end"])
RUNNING = Gauge("millrace_training_running", "Runs under way in this process")
