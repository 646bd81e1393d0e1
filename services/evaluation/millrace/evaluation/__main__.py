"""python -m millrace.evaluation"""

from millrace.chassis import SystemClock, run
from millrace.evaluation.app import build_app
from millrace.evaluation.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
