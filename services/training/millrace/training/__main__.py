"""Runs training."""

from millrace.chassis import SystemClock, run
from millrace.training.app import build_app
from millrace.training.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
