"""python -m millrace.training.child PARENT NICE THREADS MEMORY REQUEST: learn's run, in a process that dies with its
parent, and before it where memory runs out.

It starts before anything heavy is imported. Standard library only: torch comes with what it runs.
"""

import contextlib
import ctypes
import os
import resource
import runpy
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Linux kills this process when its parent ends, however that ends. Elsewhere the parent must see to it."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the kernel was asked
        os._exit(1)


def die_first(megabytes: int) -> None:
    """What this process takes beyond its share is refused to it; of all on the machine the kernel ends it first."""
    if megabytes:
        resource.setrlimit(resource.RLIMIT_DATA, (megabytes << 20, megabytes << 20))
    with contextlib.suppress(OSError):
        Path("/proc/self/oom_score_adj").write_text("1000", encoding="ascii")


if __name__ == "__main__":
    parent, nice, threads, memory, request = sys.argv[1:]
    die_with(int(parent))
    die_first(int(memory))
    os.nice(int(nice))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.putenv(name, threads)
    sys.argv = ["millrace.learn.run", request]
    runpy.run_module("millrace.learn.run", run_name="__main__", alter_sys=True)
