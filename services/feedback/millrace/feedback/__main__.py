from millrace.chassis import SystemClock, run
from millrace.feedback.app import build_app
from millrace.feedback.settings import Settings

if __name__ == "__main__":
    run(build_app(Settings(), clock=SystemClock()))
