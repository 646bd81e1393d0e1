"""Runs dedup as this process."""

from millrace.chassis import SystemClock, run
from millrace.dedup.app import build_app
from millrace.dedup.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
