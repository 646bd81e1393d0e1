"""`millrace doctor` on the whole of Millrace: well when it is well, and the first broken hop named when not."""

import json
import os
import signal
from collections.abc import Iterator
from pathlib import Path

import pytest

from millrace.cli.main import run
from millrace.stack import Options, Running, launch, shut_down


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Running]:
    data = tmp_path_factory.mktemp("whole")
    yield launch(Options(str(data), root=str(Path(__file__).parents[3])))
    shut_down(data)


def examined(whole: Running, capsys: pytest.CaptureFixture[str], patience: str) -> tuple[int, dict[str, object]]:
    code = run(["doctor", "--json", "--patience", patience, "--data", str(whole.data)])
    return code, json.loads(capsys.readouterr().out)


@pytest.mark.timeout(300)
def test_a_probe_passes_every_hop_and_a_frozen_service_is_named(
    whole: Running, capsys: pytest.CaptureFixture[str]
) -> None:
    for _ in range(2):  # the second has to tell its own probe from the first one's
        code, found = examined(whole, capsys, "40")
        assert code == 0, found
        assert found["ok"] and found["failed"] is None
    frozen = whole.process("dedup").pid
    assert frozen is not None
    os.kill(frozen, signal.SIGSTOP)
    try:
        code, found = examined(whole, capsys, "3")
    finally:
        os.kill(frozen, signal.SIGCONT)
    assert code == 1
    assert found["failed"] == "dedup is ready"
