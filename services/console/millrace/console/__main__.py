"""Runs the service; the only place where settings are made."""

from millrace.chassis import SystemClock, run
from millrace.console.app import build_app
from millrace.console.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
