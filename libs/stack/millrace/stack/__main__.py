"""The supervisor as a process of its own: one argument, `Options` as JSON."""

import json
import signal
import sys
import threading
from pathlib import Path

from .detached import Options
from .errors import StackError
from .supervisor import Supervisor


def main(options: Options) -> int:
    """Run until SIGTERM, SIGINT or SIGHUP; 1 when something can't be started."""
    asked = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        signal.signal(number, lambda *_: asked.set())
    try:
        supervisor = Supervisor(
            Path(options.data),
            root=Path(options.root) if options.root else None,
            ports=options.ports,
            replicas=options.replicas,
            only=options.only,
        )
        supervisor.start()
    except StackError as error:
        print(error, flush=True)
        return 1
    try:
        asked.wait()
    finally:
        supervisor.stop()
    return 0


if __name__ == "__main__":
    sys.exit(main(Options(**json.loads(sys.argv[1]))))
