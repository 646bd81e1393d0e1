"""python -m millrace.training.child PARENT NICE THREADS REQUEST: learn's run, in a process that dies with its parent.

It starts before anything heavy is imported. Standard library only: torch comes with what it runs.
"""

import ctypes
import os
import runpy
import signal
import sys

PR_SET_PDEATHSIG = 1


def die_with(parent: int) -> None:
    """Linux kills this process when its parent ends, however that ends. Elsewhere the parent must see to it."""
    if not sys.platform.startswith("linux"):
        return
    ctypes.CDLL(None, use_errno=True).prctl(PR_SET_PDEATHSIG, signal.SIGKILL)
    if os.getppid() != parent:  # it went before the kernel was asked
        os._exit(1)


if __name__ == "__main__":
    parent, nice, threads, request = sys.argv[1:]
    die_with(int(parent))
    os.nice(int(nice))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.putenv(name, threads)
    sys.argv = ["millrace.learn.run", request]
    runpy.run_module("millrace.learn.run", run_name="__main__", alter_sys=True)
