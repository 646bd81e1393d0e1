"""What can go wrong while parts are started.

StackError
├── PartFailed       a part ended or never answered; carries the tail of its log
├── DataFolderInUse  another live stack owns the folder
├── PortTaken        a port that was asked for is in use
└── DownloadFailed   a part could not be fetched
"""

from pathlib import Path


class StackError(Exception):
    """Any failure of the embedded stack."""


class PartFailed(StackError):
    """A part ended early or did not become ready in time."""

    def __init__(self, part: str, reason: str, log: Path) -> None:
        self.part, self.reason, self.log = part, reason, log
        super().__init__(f"{part} {reason}; last lines of {log}:\n{tail(log)}")


class DataFolderInUse(StackError):
    """Another live process owns this data folder."""

    def __init__(self, folder: Path, pid: int | None) -> None:
        self.folder, self.pid = folder, pid
        super().__init__(f"{folder} is in use by another Millrace stack (process {pid or 'unknown'})")


class PortTaken(StackError):
    """A port that was asked for is in use."""

    def __init__(self, name: str, port: int) -> None:
        self.name, self.port = name, port
        super().__init__(f"port {port}, asked for {name}, is in use")


class DownloadFailed(StackError):
    """A part could not be fetched."""

    def __init__(self, what: str, reason: str) -> None:
        self.what, self.reason = what, reason
        super().__init__(f"could not fetch {what}: {reason}")


def tail(log: Path, lines: int = 15) -> str:
    """Return the last lines of a log, or say that there is none."""
    if not log.exists():
        return "(no log)"
    return "\n".join(log.read_text(errors="replace").splitlines()[-lines:])
