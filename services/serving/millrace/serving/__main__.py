"""python -m millrace.serving"""

from millrace.chassis import SystemClock, run
from millrace.serving.app import build_app
from millrace.serving.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
