"""Runs the registry."""

from millrace.chassis import SystemClock, run
from millrace.registry.app import build_app
from millrace.registry.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
