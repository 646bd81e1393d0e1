"""Runs training."""

import os

from millrace.chassis import SystemClock, run
from millrace.training.app import build_app
from millrace.training.settings import Settings

if __name__ == "__main__":
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")  # Ray would tell its makers
    run(build_app(Settings(), clock=SystemClock()))
