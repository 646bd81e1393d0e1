"""`millrace up` on real parts and a service small enough to read: what dies comes back, what is stopped is gone."""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import httpx
import psutil
import pytest

from millrace.stack import Options, PartFailed, Running, asked, find, launch, shut_down

TOY = """
import json, os, sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

name = "{name}"
if Path("broken").exists():
    sys.exit("broken on purpose")

class Answer(BaseHTTPRequestHandler):
    def do_GET(self):
        ill = Path("ill").exists() and self.path == "/healthz"
        self.send_response(503 if ill else 200)
        self.end_headers()
        told = {{key: value for key, value in os.environ.items() if key.startswith(name.upper() + "_")}}
        self.wfile.write(json.dumps(told).encode())

print("toy is up", flush=True)
ThreadingHTTPServer(("127.0.0.1", int(os.environ[name.upper() + "_HTTP_PORT"])), Answer).serve_forever()
"""
TOPIC = """topic: toy.played.v1
meaning: Somebody played.
producer: toy
owner: toy
key: workspace
partitions: 3
retention: traffic
personal_data: none
"""


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A checkout with two toy services."""
    topics = tmp_path / "checkout" / "contracts" / "topics"
    topics.mkdir(parents=True)
    (topics / "toy.played.v1.yaml").write_text(TOPIC)
    paths = []
    for name in ("toy", "ball"):
        package = tmp_path / "checkout" / "services" / name / "millrace" / name
        package.mkdir(parents=True)
        (package / "__main__.py").write_text(TOY.format(name=name))
        paths.append(str(package.parents[1]))
    monkeypatch.setenv("PYTHONPATH", os.pathsep.join(paths))
    return tmp_path / "checkout"


@pytest.fixture
def data(tmp_path: Path) -> Iterator[Path]:
    folder = tmp_path / "data"
    yield folder
    shut_down(folder)


def eventually(holds: Callable[[], bool], patience: float = 60.0) -> None:
    deadline = time.monotonic() + patience
    while not holds():
        assert time.monotonic() < deadline, "did not come true in time"
        time.sleep(0.1)


def family(running: Running) -> list[psutil.Process]:
    supervisor = psutil.Process(running.pid)
    return [supervisor, *supervisor.children(recursive=True)]


def restarted(data: Path, name: str, times: int = 1) -> bool:
    running = find(data)
    assert running is not None
    return running.ready and running.process(name).restarts >= times


def test_everything_that_is_killed_comes_back_at_its_place(root: Path, data: Path) -> None:
    before = launch(Options(str(data), root=str(root), replicas={"toy": 2}))
    assert [process.name for process in before.processes] == ["kafka", "postgres", "s3", "ball", "toy", "toy-2"]
    for process in before.processes:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGKILL)
    for process in before.processes:
        eventually(lambda name=process.name: restarted(data, name))  # type: ignore[misc]
    after = find(data)
    assert after is not None
    assert after.endpoints == before.endpoints
    assert [process.port for process in after.processes] == [process.port for process in before.processes]
    assert {process.pid for process in after.processes}.isdisjoint({process.pid for process in before.processes})
    everyone = family(after)
    assert shut_down(data)
    assert not [process for process in everyone if process.is_running() and process.status() != "zombie"]
    assert find(data) is None


def test_a_service_is_told_where_everything_is_and_gets_a_role_of_its_own(root: Path, data: Path) -> None:
    running = launch(Options(str(data), root=str(root), only=["toy"]))
    told = httpx.get(running.url("toy")).json()
    assert told["TOY_KAFKA"] == running.endpoints.kafka
    assert told["TOY_POSTGRES"].startswith("postgresql://toy:")
    assert not [key for key in told if not key.startswith("TOY_")]
    assert (data / "logs" / "toy.log").read_text().startswith("toy is up")
    assert (data / "run" / "state.json").stat().st_mode & 0o077 == 0, "the state file holds passwords"


def test_a_second_up_finds_the_first(root: Path, data: Path) -> None:
    first = launch(Options(str(data), root=str(root), only=["toy"]))
    second = launch(Options(str(data), root=str(root), only=["toy"]))
    assert second.pid == first.pid
    assert second.processes == first.processes


def test_a_killed_supervisor_leaves_nothing_and_up_works_again_at_the_same_addresses(root: Path, data: Path) -> None:
    first = launch(Options(str(data), root=str(root), only=["toy"]))
    everyone = family(first)
    os.kill(first.pid, signal.SIGKILL)
    eventually(lambda: not [each for each in everyone if each.is_running() and each.status() != "zombie"], 30)
    assert find(data) is None
    second = launch(Options(str(data), root=str(root), only=["toy"]))
    assert second.endpoints == first.endpoints
    assert second.url("toy") == first.url("toy")


def test_a_service_that_can_not_start_is_named_with_its_last_words(root: Path, data: Path) -> None:
    (root / "broken").touch()
    with pytest.raises(PartFailed, match=r"(?s)toy ended with code 1.*broken on purpose"):
        launch(Options(str(data), root=str(root), only=["toy"]))
    assert find(data) is None
    with pytest.raises(ConnectionRefusedError):
        port = json.loads((data / "run" / "ports.json").read_text())["kafka"]
        socket.create_connection(("127.0.0.1", port), timeout=1)


def test_what_is_stopped_is_told_when_it_is_asked(root: Path, data: Path) -> None:
    """A stopped process is alive, and its port takes connections: only an answer tells."""
    running = launch(Options(str(data), root=str(root), only=["toy"]))
    assert asked(running).ready
    for process in running.processes:
        assert process.pid is not None
        os.kill(process.pid, signal.SIGSTOP)
        try:
            told = asked(running)
        finally:
            os.kill(process.pid, signal.SIGCONT)
        assert {each.name: each.state for each in told.processes if each.state != "ready"} == {process.name: "silent"}
        assert told.process(process.name).because == "does not answer within 4 s" and not told.ready
        eventually(lambda: asked(running).ready)


def test_a_service_that_says_it_is_ill_is_started_again(root: Path, data: Path) -> None:
    running = launch(Options(str(data), root=str(root), only=["toy"]))
    (root / "ill").touch()
    eventually(lambda: find(data).process("toy").restarts >= 1)  # type: ignore[union-attr]
    (root / "ill").unlink()
    eventually(lambda: restarted(data, "toy"))
    assert find(data).process("toy").pid != running.process("toy").pid  # type: ignore[union-attr]


def test_the_command_starts_shows_and_stops_everything(root: Path, data: Path) -> None:
    def millrace(*arguments: str) -> subprocess.CompletedProcess[str]:
        command = [sys.executable, "-m", "millrace.cli", *arguments, "--data", str(data)]
        return subprocess.run(command, cwd=root, capture_output=True, text=True, timeout=120)

    up = millrace("up", "--detach", "--only", "toy", "--json")
    assert up.returncode == 0, up.stderr
    assert json.loads(up.stdout)["ready"]
    status = millrace("status", "--json")
    assert status.returncode == 0
    seen = {process["name"]: process for process in json.loads(status.stdout)["processes"]}
    assert seen["toy"]["state"] == "ready"
    assert seen["kafka"]["rss_mb"] > 50
    assert "SECRET" not in status.stdout and "postgresql://" not in status.stdout
    assert "toy is up" in millrace("logs", "toy").stdout
    assert "already running" in millrace("up").stdout
    assert millrace("down").returncode == 0
    assert millrace("status").returncode == 3


def test_ctrl_c_in_the_foreground_stops_everything(root: Path, data: Path) -> None:
    command = [sys.executable, "-m", "millrace.cli", "up", "--only", "toy", "--data", str(data)]
    foreground = subprocess.Popen(command, cwd=root, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)
    eventually(lambda: (running := find(data)) is not None and running.ready)
    everyone = family(find(data))[1:]  # type: ignore[arg-type]
    foreground.send_signal(signal.SIGINT)
    output, _ = foreground.communicate(timeout=60)
    assert foreground.returncode == 0, output
    assert "everything is down" in output
    assert not [process for process in everyone if process.is_running() and process.status() != "zombie"]
