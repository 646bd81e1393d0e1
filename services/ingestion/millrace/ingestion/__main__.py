"""python -m millrace.ingestion"""

from millrace.chassis import SystemClock, run
from millrace.ingestion.app import build_app
from millrace.ingestion.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
