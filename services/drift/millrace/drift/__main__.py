from millrace.chassis import SystemClock, run
from millrace.drift.app import build_app
from millrace.drift.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
