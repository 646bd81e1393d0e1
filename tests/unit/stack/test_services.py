"""Which services there are and what they are told."""

from pathlib import Path

import pytest

from millrace.stack import Endpoints, S3Endpoint, StackError, Supervisor
from millrace.stack.services import discover, environment, find_root, role_dsn

ENDPOINTS = Endpoints(
    "k:1", "postgresql://postgres:top@127.0.0.1:5/millrace", S3Endpoint("http://s:3", "key", "hidden")
)


def checkout(folder: Path, *services: str) -> Path:
    (folder / "contracts" / "topics").mkdir(parents=True)
    for name in services:
        package = folder / "services" / name / "millrace" / name
        package.mkdir(parents=True)
        (package / "__main__.py").touch()
    return folder


def test_a_service_is_a_folder_with_a_main(tmp_path: Path) -> None:
    root = checkout(tmp_path, "drift", "audit")
    (root / "services" / "unfinished" / "millrace" / "unfinished").mkdir(parents=True)
    assert discover(root) == ["audit", "drift"]


def test_the_checkout_is_found_from_inside_it_and_missed_by_name(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = checkout(tmp_path / "repo", "drift")
    assert find_root(root / "services" / "drift") == root
    monkeypatch.setattr("millrace.stack.services.__file__", str(tmp_path / "elsewhere.py"))
    with pytest.raises(StackError, match="no checkout"):
        find_root(tmp_path)


def test_everything_a_service_is_told_is_under_its_own_prefix() -> None:
    told = environment("drift", ENDPOINTS, dsn="postgresql://drift:pw@h/db", secret="s", port=81)
    assert all(key.startswith("DRIFT_") for key in told)
    assert told["DRIFT_POSTGRES"] == "postgresql://drift:pw@h/db"
    assert told["DRIFT_HTTP_PORT"] == "81"
    assert "top" not in str(told), "no service sees the superuser's password"


def test_a_role_gets_the_same_database() -> None:
    assert role_dsn(ENDPOINTS.postgres, "drift", "pw") == "postgresql://drift:pw@127.0.0.1:5/millrace"


def test_asking_for_an_unknown_service_names_those_there_are(tmp_path: Path) -> None:
    root = checkout(tmp_path / "repo", "drift", "dedup")
    with pytest.raises(StackError, match="no service dirft; there are dedup, drift"):
        Supervisor(tmp_path / "data", root=root, only=["dirft"])


def test_endpoints_survive_the_state_file_and_hide_their_secrets_from_logs() -> None:
    assert Endpoints.from_json(ENDPOINTS.to_json()) == ENDPOINTS
    assert "hidden" not in repr(ENDPOINTS)
    assert "top" not in repr(ENDPOINTS)
