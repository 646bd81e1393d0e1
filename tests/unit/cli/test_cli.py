"""The command: light, clear, with exit codes that programs can rely on."""

import json
import subprocess
import sys
from pathlib import Path

import pytest
import typer

from millrace.cli import Failure, show, table
from millrace.cli.main import _report, build, run
from millrace.cli.options import pairs
from millrace.cli.output import short
from millrace.cli.tail import each_line


def test_importing_every_command_brings_no_heavy_library() -> None:
    code = "import sys; from millrace.cli.main import build; build(); print([m for m in sys.modules])"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    heavy = {"torch", "transformers", "numpy", "pyarrow", "fastapi", "aiokafka", "asyncpg", "sklearn"}
    assert not {name for name in heavy if f"'{name}'" in loaded}


def test_every_file_of_commands_is_found() -> None:
    from typer.main import get_command

    assert {"up", "down", "status", "logs", "bases"} <= set(get_command(build()).commands)  # type: ignore[attr-defined]


def test_nothing_running_is_exit_code_3_and_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--data", str(tmp_path)]) == 3
    assert "millrace up" in capsys.readouterr().err


def test_with_json_a_failure_is_json_too(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--json", "--data", str(tmp_path)]) == 3
    assert json.loads(capsys.readouterr().out)["error"]["code"] == "not_running"


def test_wrong_usage_is_exit_code_2(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["status", "--no-such-option"]) == 2
    assert run(["up", "--port", "kafka:9092"]) == 2
    assert "NAME=NUMBER" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("line", "told"),
    [
        (["datasets", "export", "parcels@1", "--to", "x", "--format", "csv"], "'csv' is not one of 'parquet'"),
        (["search", "parcels", "x", "-c", "wiki", "--top", "1000"], "at most 100"),
        (["search", "parcels", "x", "-c", "wiki", "--top", "many"], "a whole number"),
        (["bases", "add", "a", "b", "--kind", "what"], "'what' is not one of 'encoder'"),
        (["erase", "parcels", "--subject", "a", "--within", "soon"], "a number"),
    ],
)
def test_an_option_is_refused_in_our_words(line: list[str], told: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(line) == 2
    said = capsys.readouterr().err
    assert any(told in line for line in said.splitlines()), "in one line, since no terminal reads it"
    assert "Value error" not in said and "Input should" not in said


def test_help_is_exit_code_0(capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["--help"]) == 0
    assert "logs" in capsys.readouterr().out


def test_down_with_nothing_running_is_no_failure(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert run(["down", "--json", "--data", str(tmp_path)]) == 0
    assert json.loads(capsys.readouterr().out) == {"stopped": False}


def test_pairs_name_the_option_that_is_wrong() -> None:
    assert pairs(["kafka=9092", "serving=81"], "--port") == {"kafka": 9092, "serving": 81}
    with pytest.raises(typer.BadParameter):
        pairs(["kafka"], "--port")


def test_logs_of_several_processes_carry_their_names(tmp_path: Path) -> None:
    for name in ("drift", "registry"):
        (tmp_path / f"{name}.log").write_text("".join(f"{name} {number}\n" for number in range(5)))
    lines = list(each_line([tmp_path / "drift.log", tmp_path / "registry.log"], 2, follow=False))
    assert lines == ["drift    | drift 3", "drift    | drift 4", "registry | registry 3", "registry | registry 4"]


def test_a_log_that_is_not_there_names_those_that_are(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "logs").mkdir()
    (tmp_path / "logs" / "drift.log").write_text("hello\n")
    assert run(["logs", "dirft", "--data", str(tmp_path)]) == 1
    assert "there are drift" in capsys.readouterr().err
    assert run(["logs", "drift", "--data", str(tmp_path)]) == 0
    assert capsys.readouterr().out == "hello\n"


def test_what_no_terminal_reads_is_neither_cut_nor_folded(capsys: pytest.CaptureFixture[str]) -> None:
    from rich.text import Text

    ids = ["22bc31eb-85e0-531e-8000-000000000001", "22bc31eb-85e0-531e-8000-000000000002"]
    words = " ".join(["word"] * 400)
    show(None, False, lambda: table(("record", "repeats", "text"), [(Text(ids[0]), ids[1], Text(short(words, 60)))]))
    assert capsys.readouterr().out.splitlines()[1].split() == [*ids, *words.split()]


def test_a_failure_that_no_terminal_reads_is_one_line(capsys: pytest.CaptureFixture[str]) -> None:
    names = ", ".join(f"process-{number}" for number in range(40))
    assert _report(Failure(f"there are {names}", hint=f"one of {names}"), False) == 1
    assert capsys.readouterr().err.splitlines() == [f"error there are {names}", f"one of {names}"]


def test_the_words_of_a_service_become_the_failure(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    import httpx

    from millrace.cli import Target

    def answer(request: httpx.Request) -> httpx.Response:
        return httpx.Response(404, json={"error": {"code": "version_not_found", "message": "no version 7"}})

    monkeypatch.setenv("MILLRACE_REGISTRY_URL", "http://registry")
    monkeypatch.setattr(httpx, "HTTPTransport", lambda **_: httpx.MockTransport(answer))
    monkeypatch.setattr(httpx.Client, "_init_transport", lambda self, **_: httpx.MockTransport(answer))
    with pytest.raises(Failure, match="no version 7") as caught, Target(tmp_path).http("registry") as registry:
        registry.get("/v1/versions/7")
    assert caught.value.kind == "version_not_found"


def test_services_elsewhere_are_those_given_an_address_and_a_mirror_is_none(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from millrace.cli import Target

    monkeypatch.setenv("MILLRACE_REGISTRY_URL", "http://registry")
    monkeypatch.setenv("MILLRACE_MAVEN_URL", "http://mirror")
    assert Target(tmp_path).services == ["registry"]
