"""The ends of several growing files."""

import time
from collections import deque
from collections.abc import Iterator, Sequence
from pathlib import Path


def each_line(files: Sequence[Path], lines: int, *, follow: bool) -> Iterator[str]:
    """Yield the last `lines` of each file, then, if asked, lines as they come; several files get their names."""
    width = max(len(file.stem) for file in files)
    handles = [(f"{file.stem:{width}} | " if len(files) > 1 else "", file.open(errors="replace")) for file in files]
    try:
        for prefix, handle in handles:
            for line in deque(handle, maxlen=lines):
                yield prefix + line.rstrip("\n")
        while follow:
            fresh = [prefix + line.rstrip("\n") for prefix, handle in handles for line in handle]
            yield from fresh
            if not fresh:
                time.sleep(0.2)
    finally:
        for _, handle in handles:
            handle.close()
