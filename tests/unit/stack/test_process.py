"""A process is recognised after a crash, a stranger with its number is not."""

import json
import os
from pathlib import Path

import psutil

from millrace.stack.process import recorded


def test_a_reused_process_id_is_not_mistaken(tmp_path: Path) -> None:
    own = psutil.Process()
    pid_file = tmp_path / "toy.pid"
    pid_file.write_text(json.dumps({"pid": os.getpid(), "created": own.create_time()}))
    assert recorded(pid_file) == own
    pid_file.write_text(json.dumps({"pid": os.getpid(), "created": own.create_time() - 100}))
    assert recorded(pid_file) is None


def test_a_damaged_or_missing_pid_file_names_nobody(tmp_path: Path) -> None:
    assert recorded(tmp_path / "none.pid") is None
    (tmp_path / "half.pid").write_text('{"pid": 1')
    assert recorded(tmp_path / "half.pid") is None
