"""Runs datasets as this process."""

from millrace.chassis import SystemClock, run
from millrace.datasets.app import build_app
from millrace.datasets.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
