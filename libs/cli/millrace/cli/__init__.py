"""The `millrace` command. A file in commands/ is a group of commands: see README.md."""

from .failure import Failure, NotRunning
from .options import Data, Json
from .output import console, printed, show, table
from .target import Target

__all__ = ["Data", "Failure", "Json", "NotRunning", "Target", "console", "printed", "show", "table"]
