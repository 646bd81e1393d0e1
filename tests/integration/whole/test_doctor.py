"""`millrace doctor` on the whole of Millrace: well when it is well, and the first broken hop named when not."""

import os
import signal
from typing import Any

import pytest
from whole import Whole


def examined(whole: Whole, patience: str, *more: str) -> tuple[int, dict[str, Any]]:
    said = whole.millrace("doctor", "--json", "--patience", patience, *more)
    return said.code, said.json


@pytest.mark.timeout(300)
def test_a_probe_passes_every_hop_and_a_frozen_service_is_named(whole: Whole) -> None:
    for _ in range(2):  # the second has to tell its own probe from the first one's
        code, found = examined(whole, "40")
        assert code == 0, found
        assert found["ok"] and found["failed"] is None
    frozen = whole.running.process("dedup").pid
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    try:
        code, found = examined(whole, "3")
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert code == 1
    assert found["failed"] == "dedup is ready"
