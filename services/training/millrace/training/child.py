"""python -m millrace.training.child PARENT NICE THREADS MEMORY [REQUEST LINES ERRORS | stand-by]: learn's run, in a
process that dies with its parent, and before it where memory runs out.

What it says goes to files where they are named. Where no request is, two lines of standard input tell the request's
file and where errors go; with `stand-by` what most runs need is imported before they are read.

It starts before anything heavy is imported. Standard library only: torch comes with what it runs.
"""

import contextlib
import ctypes
import importlib
import os
import resource
import runpy
import signal
import sys
from pathlib import Path

PR_SET_PDEATHSIG = 1
STAND_BY = "stand-by"
NEEDED = ("millrace.learn.training", "millrace.learn.methods.linear_probe", "millrace.learn.methods.full")
"""What a run of texts imports, by far the most of it torch."""


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


def say_into(*files: str) -> None:
    """Standard output and what follows it go there from now on; an empty name leaves one as it is."""
    for number, file in enumerate(files, start=1):
        if file:
            os.dup2(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o644), number)


def asked() -> str:
    """The request's file, when it is told. Exits where nobody will."""
    request, errors = sys.stdin.readline().strip(), sys.stdin.readline().strip()
    if not request:
        sys.exit(0)
    say_into("", errors)
    return request


if __name__ == "__main__":
    parent, nice, threads, memory, *rest = sys.argv[1:]
    request, *files = [""] if rest in ([], [STAND_BY]) else rest
    say_into(*files)
    die_with(int(parent))
    die_first(int(memory))
    os.nice(int(nice))
    for name in ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS"):
        os.putenv(name, threads)
    if rest == [STAND_BY]:
        for module in NEEDED:
            importlib.import_module(module)
    sys.argv = ["millrace.learn.run", request or asked()]
    runpy.run_module("millrace.learn.run", run_name="__main__", alter_sys=True)
